import { Router, type Request } from 'express'
import { authorize, authorizeWithAlbums } from '../../../domain/gate/authorize.ts'
import { linkOfVisitor, leave, unlock } from '../../../domain/gate/unlock.ts'
import type { WebContext } from '../../context.ts'
import { clearCookie, readCookie, setCookie } from '../../input/cookies.ts'
import { jsonBody } from '../../input/bodies/json-body.ts'
import { openPage } from '../../visitor/read-opened.ts'
import {
  baseUrl,
  visitorOf,
  credentialsOf,
  parse,
  parseAddress,
  rememberHere,
  secretSchema,
  visitCookie,
} from '../../input/caller.ts'
import { passwordBody, visitorQuery } from '../request-schemas.ts'
import { describeShare, idsInAnswer } from '../visitor-serializers.ts'
import { decline, markSeen, undoDecline } from '../../input/visits.ts'

/** What a visitor's page shows and does, as JSON. */
export function apiVisitor(context: WebContext): Router {
  const { ports, settings } = context
  const router = Router()

  /** The link behind the address, open or locked. */
  const linkAtDoor = (req: Request) => linkOfVisitor(ports, visitorOf(context, req))

  router.get('/s/:secret', async (req, res) => {
    const { access, albums } = await authorizeWithAlbums(ports, credentialsOf(context, req))
    const { album, page } = parse(visitorQuery, req.query)
    const opened = await openPage(ports.store, access, albums, { album, page }, (chosen) =>
      idsInAnswer(chosen, page),
    )
    const origin = baseUrl(settings, req)
    const path = `/s/${parseAddress(secretSchema, req.params.secret)}`
    const answer = describeShare(opened, {
      base: origin + path,
      api: `${origin}/api/v1${path}`,
      page,
    })
    res.set('Cache-Control', 'private, no-cache').json(answer)
  })

  router.post('/s/:secret/unlock', jsonBody, async (req, res) => {
    const { password } = parse(passwordBody, req.body)
    const { link, token } = await unlock(ports, { ...visitorOf(context, req), password })
    if (token !== null) setCookie(settings, res, { name: visitCookie(link.id), value: token })
    rememberHere(context, res, link)
    await markSeen(context, req, res, link)
    res.status(204).end()
  })

  router.post('/s/:secret/leave', async (req, res) => {
    const { link } = await authorize(ports, credentialsOf(context, req))
    const token = readCookie(settings, req, visitCookie(link.id))
    if (token !== null) await leave(ports, link, token)
    clearCookie(settings, res, visitCookie(link.id))
    res.status(204).end()
  })

  router.post('/s/:secret/seen', async (req, res) => {
    const { link } = await authorize(ports, credentialsOf(context, req))
    await markSeen(context, req, res, link)
    res.status(204).end()
  })

  router.post('/s/:secret/decline', async (req, res) => {
    decline(context, res, await linkAtDoor(req))
    res.status(204).end()
  })

  router.delete('/s/:secret/decline', async (req, res) => {
    undoDecline(context, res, await linkAtDoor(req))
    res.status(204).end()
  })

  return router
}
