import type { Request } from 'express'
import type { ErrorPage } from './errors.ts'
import { lockedPage } from './visitor/locked-view.ts'
import { isMessage } from './pages/locales.ts'
import type { Views } from './pages/views.ts'
import { asksForPage } from './pages/wants-page.ts'

/** The sender's form, as a browser without scripts sends it: the one address of the API that answers with pages. */
const isShareForm = (req: Request): boolean => req.method === 'POST' && req.path === '/api/v1/shares'

const wantsPage = (req: Request): boolean =>
  asksForPage(req) && (!req.path.startsWith('/api/') || isShareForm(req))

/** Reasons that the list of uploads has words for already. */
const uploadProblems: Readonly<Record<string, string>> = {
  'file-too-large': 'client.tooLargeServer',
  'too-many-items': 'error.too-many-items',
  'unsupported-format': 'client.unsupported',
  'owner-quota': 'client.quota',
  'instance-full': 'client.full',
  'too-slow': 'client.networkError',
  'bad-request': 'error.form',
}

/** Of what one address may send there are two bounds: what a person hears says for how long. */
const bounds: Readonly<Record<string, string>> = { hour: 'too-many-this-hour', day: 'too-many-today' }

const secretPath = /^\/s\/[a-z0-9-]+/

/** Errors as pages that say what to do. They tell nothing of what was requested. */
export function errorPages(views: Views): ErrorPage {
  return (req, res, { status, code: reason, details }) => {
    const code = bounds[String(details['per'])] ?? reason
    if (!wantsPage(req)) return false
    const language = views.languageOf(res)
    const path = secretPath.exec(req.path)?.[0]
    if (code === 'link-locked' && path !== undefined) {
      const place = { path, base: path, genericCard: views.asset('card.jpg') }
      views.render(res, status, 'locked', lockedPage(language, place, null))
    } else if (code === 'link-declined' && path !== undefined)
      views.render(res, status, 'declined', { action: `${path}/decline` })
    else if (code === 'link-ended') {
      // Back would show pictures that the browser still has. It takes this over https and on localhost only.
      res.set('Clear-Site-Data', '"cache"')
      views.render(res, status, 'ended', {})
    } else if (code === 'unknown') views.render(res, status, 'unknown', {})
    else {
      const key = (isShareForm(req) ? uploadProblems[code] : undefined) ?? `error.${code}`
      views.render(res, status, 'error', {
        message: language.t(isMessage(key) ? key : 'error.other'),
        again: req.method === 'GET' && status >= 409 ? req.originalUrl : null,
      })
    }
    return true
  }
}
