import type { Request, Response } from 'express'
import { z } from 'zod'
import { makeShare, type Share } from '../../../domain/links/share.ts'
import { newOwner } from '../../../domain/owner/owner.ts'
import type { Refused } from '../../../domain/records/errors.ts'
import { linkOptions } from '../../../domain/records/link-options.ts'
import type { WebContext } from '../../context.ts'
import { currentOwner, parse, rememberOwner } from '../../input/caller.ts'
import { isoDate, linkUrl } from '../../input/link-address.ts'
import { countedSender, openSenderSession, requireSharer } from '../../input/sender-session.ts'
import { shareFields } from '../../input/share-fields.ts'
import { asksForPage } from '../../pages/wants-page.ts'
import { rememberLeftOut, skippedFile } from '../../uploads/left-out.ts'
import { withUploadForm } from '../../uploads/upload-form.ts'
import { shareAnswer } from '../answer-schemas.ts'
import { itemState } from '../link-serializers.ts'
import * as example from '../openapi/examples.ts'
import { passwordBody } from '../request-schemas.ts'
import { nothing, operation, type Operation } from './operation.ts'

/** A form with files. Names may hold the folder that a file came from, with `/`. */
export const filesBody = {
  schema: {
    type: 'object',
    properties: { files: { type: 'array', items: { type: 'string', format: 'binary' }, minItems: 1 } },
    required: ['files'],
  },
  encoding: { files: { contentType: 'application/octet-stream' } },
}

/** As share-fields.ts accepts it: in a form a number is text. */
const shareBody = z.strictObject({
  title: z.string().max(200).optional(),
  sender: z.string().max(100).optional(),
  expiresInDays: z.number().positive().optional(),
  password: z.string().max(200).nullable().optional(),
  metadata: linkOptions.metadata.optional(),
})

const { properties } = z.toJSONSchema(shareBody)

/** Sharing files in one call. */
export const sharingOperations: readonly Operation[] = [
  operation(
    {
      method: 'post',
      path: '/session',
      id: 'openSenderSession',
      tag: 'Sharing',
      for: 'anyone',
      summary: 'Show the password that this server asks senders for',
      description: 'Programs may send it with each request instead, as `Sender-Password`.',
      body: passwordBody,
      example: { password: 'the one of this server' },
      answers: nothing('The session is set as a cookie; nothing happens where no password is asked for.'),
      refusals: ['wrong-password', 'too-many-requests'],
    },
    async ({ context, req, res, body }) => {
      await openSenderSession(context, req, res, body().password)
      res.status(204).end()
    },
  ),
  operation(
    {
      method: 'post',
      path: '/shares',
      id: 'share',
      tag: 'Sharing',
      for: 'anyone',
      summary: 'Share files: makes an album and a link in one call',
      description:
        'Who has no owner key yet gets one with the answer. With `Accept: text/plain` the answer is the address alone. ' +
        'A file that is no photo or video, or is empty, is left out and named in `skipped` (as text: on a line after the address); ' +
        'with no good file at all the call is refused. A file that is too large, and more than there is room for, refuse all. ' +
        'As JSON, without files, it makes an album to upload into.',
      body: shareBody,
      example: { title: 'Lisbon', sender: 'Ada', expiresInDays: 7 },
      otherBodies: {
        'multipart/form-data': {
          ...filesBody,
          schema: { ...filesBody.schema, properties: { ...properties, ...filesBody.schema.properties } },
        },
      },
      answers: {
        201: {
          description: 'The album, its link and its items; `ownerKey` only where the call made a new owner.',
          body: shareAnswer,
          types: ['text/plain'],
          example: {
            album: { id: example.albumId },
            link: {
              id: example.linkId,
              url: 'https://share.example/s/mzxw6ytboi4dcmrtgq2tmnzyhe',
              expiresAt: '2026-05-11T09:00:00.000Z',
            },
            items: [{ ...example.itemState, state: 'uploaded' }],
            skipped: [example.skipped],
          },
          headers: { Location: 'The address to hand out.' },
        },
        303: {
          description:
            'To a browser’s form (`Accept: text/html`): on to the page where the link can be copied.',
          types: ['text/html'],
          headers: { Location: 'That page.' },
        },
      },
      refusals: [
        'unauthorized',
        'too-many-items',
        'file-too-large',
        'unsupported-format',
        'owner-quota',
        'instance-full',
        'too-many-requests',
        'too-slow',
      ],
    },
    async ({ context, req, res }) => {
      const { ports, settings, places } = context
      await requireSharer(context, req)
      const known = await currentOwner(context, req)
      const owner = known ?? newOwner()
      const counted = countedSender(context, req)
      const sharer = { owner, isNewOwner: known === null, counted }
      let skipped: readonly Refused[] = []
      const share = req.is('application/json')
        ? await makeShare(ports, { ...sharer, ...wishesOf(context, req.body), upload: null, received: [] })
        : await withUploadForm(
            ports,
            places.uploads,
            req,
            { owner: owner.id, isNewOwner: known === null, counted },
            ({ upload, received, fields, ...form }) => {
              skipped = form.skipped
              const wishes = wishesOf(context, Object.fromEntries(fields))
              return makeShare(ports, { ...sharer, ...wishes, upload, received })
            },
          )
      rememberOwner(settings, res, owner)
      answerShare(context, req, res, { ...share, skipped, ownerKey: known === null ? owner.key : null })
    },
  ),
]

function wishesOf({ ports }: WebContext, input: unknown) {
  const { title, sender, expiresInDays, ...link } = parse(shareFields(ports.limits), input)
  return { album: { title, sender, description: '' }, link: { ...link, label: '', until: { expiresInDays } } }
}

function answerShare(
  context: WebContext,
  req: Request,
  res: Response,
  made: Share & { readonly skipped: readonly Refused[]; readonly ownerKey: string | null },
): void {
  const { album, link, secret, items, ownerKey } = made
  const skipped = made.skipped.map(skippedFile)
  // A browser's form, where scripts are off: on to the page where the link can be copied.
  if (asksForPage(req)) {
    rememberLeftOut(context.settings, res, skipped)
    return res.redirect(303, `/shares?made=${link.id}`)
  }
  const url = linkUrl(context, req, secret)
  res.status(201).set('Location', url)
  if (req.accepts(['json', 'text']) === 'text') {
    // The address first, as scripts read it; what was left out is never left out in silence.
    const lines = [url, ...skipped.map(({ message }) => `Left out: ${message}`)]
    return void res.type('text/plain').send(`${lines.join('\n')}\n`)
  }
  res.json({
    album: { id: album.id },
    link: { id: link.id, url, expiresAt: isoDate(link.expiresAt) },
    items: items.map(itemState),
    skipped,
    ...(ownerKey === null ? {} : { ownerKey }),
  })
}
