import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Router } from 'express'
import type { WebContext } from '../context.ts'
import type { Views } from '../pages/views.ts'

/** What makes the sender's page an app of a phone: manifest (W3C Web Application Manifest), service worker, offline page. */
export function installPages({ settings }: WebContext, views: Views): Router {
  const router = Router()
  const workerFile = views.asset('service-worker.js').replace('/assets/', '')
  const worker = readFileSync(join(settings.clientDirectory, workerFile), 'utf8')

  router.get('/manifest.webmanifest', (_req, res) => {
    const language = views.languageOf(res)
    res.vary('Accept-Language').set('Cache-Control', 'private, no-cache').type('application/manifest+json')
    res.json({
      name: language.t('name'),
      short_name: language.t('name'),
      description: language.t('start.lead'),
      lang: language.code,
      dir: language.direction,
      id: '/',
      start_url: '/',
      scope: '/',
      display: 'standalone',
      background_color: '#fbfaf8',
      theme_color: '#fbfaf8',
      icons: [192, 512].map((size) => ({
        src: views.asset(`icon-${size}.png`),
        sizes: `${size}x${size}`,
        type: 'image/png',
        purpose: 'any maskable',
      })),
      share_target: {
        action: '/share-target',
        method: 'POST',
        enctype: 'multipart/form-data',
        params: { files: [{ name: 'files', accept: ['image/*', 'video/*'] }] },
      },
    })
  })

  // At the root: a service worker controls only what is below it.
  router.get('/service-worker.js', (_req, res) => {
    res.type('text/javascript').set('Cache-Control', 'no-cache').send(worker)
  })

  router.get('/offline', (_req, res) => views.render(res, 200, 'offline', {}))

  // The service worker takes these; where a browser has lost it, the page says that nothing came.
  router.post('/share-target', (_req, res) => res.redirect(303, '/?shared'))

  return router
}
