import { authorize, authorizeWithAlbums } from '../../../domain/gate/authorize.ts'
import { leave, linkOfVisitor, unlock } from '../../../domain/gate/unlock.ts'
import {
  baseUrl,
  credentialsOf,
  parseAddress,
  rememberHere,
  secretSchema,
  visitCookie,
  visitorOf,
} from '../../input/caller.ts'
import { clearCookie, readCookie, setCookie } from '../../input/cookies.ts'
import { decline, markSeen, undoDecline } from '../../input/visits.ts'
import { openPage } from '../../visitor/read-opened.ts'
import { visitorShareAnswer } from '../answer-schemas.ts'
import * as example from '../openapi/examples.ts'
import { passwordBody, visitorQuery } from '../request-schemas.ts'
import { describeShare, idsInAnswer } from '../visitor-serializers.ts'
import { nothing, operation, type Operation } from './operation.ts'

const refusals = ['link-ended', 'link-locked', 'link-declined', 'too-many-requests'] as const

/** What a visitor's page shows and does. */
export const visitorOperations: readonly Operation[] = [
  operation(
    {
      method: 'get',
      path: '/s/{secret}',
      id: 'getShare',
      tag: 'Visitors',
      for: 'visitor',
      summary: 'What a link opens: its albums, and 300 items at a time',
      query: visitorQuery,
      answers: {
        200: {
          description: 'All albums, or the one asked for by `album`.',
          body: visitorShareAnswer,
          example: example.visitorShare,
        },
      },
      refusals,
    },
    async ({ context, req, res, query }) => {
      const { ports, settings } = context
      const { access, albums } = await authorizeWithAlbums(ports, credentialsOf(context, req))
      const { album, page } = query()
      const opened = await openPage(ports.store, access, albums, { album, page }, (chosen) =>
        idsInAnswer(chosen, page),
      )
      const origin = baseUrl(settings, req)
      const path = `/s/${parseAddress(secretSchema, req.params['secret'])}`
      const answer = describeShare(opened, { base: origin + path, api: `${origin}/api/v1${path}`, page })
      res.json(answer)
    },
  ),
  operation(
    {
      method: 'post',
      path: '/s/{secret}/unlock',
      id: 'unlock',
      tag: 'Visitors',
      for: 'visitor',
      summary: 'Open a link by its password',
      body: passwordBody,
      example: { password: 'pastel de nata' },
      answers: nothing(
        'The session is set as a cookie; it ends with the browser, and when the password changes.',
      ),
      refusals: ['link-ended', 'wrong-password', 'too-many-requests'],
    },
    async ({ context, req, res, body }) => {
      const { ports, settings } = context
      const { password } = body()
      const { link, token } = await unlock(ports, { ...visitorOf(context, req), password })
      if (token !== null) setCookie(settings, res, { name: visitCookie(link.id), value: token })
      rememberHere(context, res, link)
      await markSeen(context, req, res, link)
      res.status(204).end()
    },
  ),
  operation(
    {
      method: 'post',
      path: '/s/{secret}/leave',
      id: 'leave',
      tag: 'Visitors',
      for: 'visitor',
      summary: 'End the session behind a password',
      answers: nothing('The link asks for its password again.'),
      refusals,
    },
    async ({ context, req, res }) => {
      const { ports, settings } = context
      const { link } = await authorize(ports, credentialsOf(context, req))
      const token = readCookie(settings, req, visitCookie(link.id))
      if (token !== null) await leave(ports, link, token)
      clearCookie(settings, res, visitCookie(link.id))
      res.status(204).end()
    },
  ),
  operation(
    {
      method: 'post',
      path: '/s/{secret}/seen',
      id: 'markSeen',
      tag: 'Visitors',
      for: 'visitor',
      summary: 'Say that a person looks at the page',
      description: 'Counted once for each browser session, with the time and nothing else.',
      answers: nothing('Counted, or counted before.'),
      refusals,
    },
    async ({ context, req, res }) => {
      const { link } = await authorize(context.ports, credentialsOf(context, req))
      await markSeen(context, req, res, link)
      res.status(204).end()
    },
  ),
  operation(
    {
      method: 'post',
      path: '/s/{secret}/decline',
      id: 'decline',
      tag: 'Visitors',
      for: 'visitor',
      summary: 'Shut a link in this browser',
      answers: nothing('The link is shut here, and for nobody else.'),
      refusals: ['link-ended', 'too-many-requests'],
    },
    async ({ context, req, res }) => {
      decline(context, res, await linkOfVisitor(context.ports, visitorOf(context, req)))
      res.status(204).end()
    },
  ),
  operation(
    {
      method: 'delete',
      path: '/s/{secret}/decline',
      id: 'undoDecline',
      tag: 'Visitors',
      for: 'visitor',
      summary: 'Open a link again that was declined in this browser',
      answers: nothing('The link is as for everybody.'),
      refusals: ['link-ended', 'too-many-requests'],
    },
    async ({ context, req, res }) => {
      undoDecline(context, res, await linkOfVisitor(context.ports, visitorOf(context, req)))
      res.status(204).end()
    },
  ),
]
