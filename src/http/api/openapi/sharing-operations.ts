import { z } from 'zod'
import { linkOptions } from '../../../domain/records/link-options.ts'
import { shareAnswer } from '../answer-schemas.ts'
import { passwordBody } from '../request-schemas.ts'
import * as example from './examples.ts'
import { nothing, type Answer, type Operation } from '../operations/operation.ts'

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

const tusHeaders = { 'Tus-Resumable': '1.0.0', 'Upload-Offset': 'Bytes that are safe.' }
const tusDone = (description: string): Readonly<Record<number, Answer>> => ({
  204: { description, headers: tusHeaders },
})

export const sharingOperations: readonly Operation[] = [
  {
    method: 'get',
    path: '/openapi.json',
    id: 'getDocument',
    tag: 'This API',
    for: 'anyone',
    summary: 'This document',
    answers: { 200: { description: 'OpenAPI 3.1.', body: z.looseObject({ openapi: z.string() }) } },
  },
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
  {
    method: 'get',
    path: '/events',
    id: 'listen',
    tag: 'Items',
    for: 'owner',
    summary: 'News of your items as they are prepared (server-sent events)',
    answers: { 200: { description: 'Events without an end.', types: ['text/event-stream'] } },
  },
  {
    method: 'options',
    path: '/uploads',
    id: 'uploadOptions',
    tag: 'Uploads',
    for: 'anyone',
    summary: 'What of tus 1.0 this server speaks',
    answers: tusDone('In the headers.'),
  },
  {
    method: 'post',
    path: '/uploads',
    id: 'createUpload',
    tag: 'Uploads',
    for: 'owner',
    summary: 'Begin a resumable upload (tus 1.0)',
    description:
      'See https://tus.io/protocols/resumable-upload: `Upload-Metadata` names `album`, `filename` and `folder`.',
    otherBodies: { 'application/offset+octet-stream': { schema: { type: 'string', format: 'binary' } } },
    answers: { 201: { description: 'It has begun.', headers: { ...tusHeaders, Location: 'The upload.' } } },
    refusals: ['too-many-items', 'file-too-large', 'unsupported-format', 'owner-quota', 'instance-full'],
  },
  {
    method: 'head',
    path: '/uploads/{id}',
    id: 'getUpload',
    tag: 'Uploads',
    for: 'owner',
    summary: 'How far an upload came',
    answers: {
      200: { description: 'In the headers.', headers: tusHeaders },
      423: { description: 'It cannot be told at this moment; ask again.' },
    },
  },
  {
    method: 'patch',
    path: '/uploads/{id}',
    id: 'continueUpload',
    tag: 'Uploads',
    for: 'owner',
    summary: 'Send more of an upload',
    otherBodies: { 'application/offset+octet-stream': { schema: { type: 'string', format: 'binary' } } },
    answers: tusDone('So far it is safe.'),
    refusals: ['conflict', 'unsupported-format', 'owner-quota', 'instance-full'],
  },
  {
    method: 'delete',
    path: '/uploads/{id}',
    id: 'endUpload',
    tag: 'Uploads',
    for: 'owner',
    summary: 'Give an upload up',
    answers: tusDone('It is gone.'),
  },
]
