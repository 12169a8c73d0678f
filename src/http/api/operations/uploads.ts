import { type Answer, type Operation } from './operation.ts'

const tusHeaders = { 'Tus-Resumable': '1.0.0', 'Upload-Offset': 'Bytes that are safe.' }
const tusDone = (description: string): Readonly<Record<number, Answer>> => ({
  204: { description, headers: tusHeaders },
})

/** What http/uploads/tus.ts serves: it speaks a protocol of its own, so only its description is here. */
export const uploadOperations: readonly Operation[] = [
  {
    method: 'options',
    path: '/uploads',
    id: 'uploadOptions',
    tag: 'Uploads',
    for: 'anyone',
    summary: 'What of tus 1.0 this server speaks',
    answers: tusDone('In the headers.'),
    handle: null,
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
    handle: null,
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
    handle: null,
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
    handle: null,
  },
  {
    method: 'delete',
    path: '/uploads/{id}',
    id: 'endUpload',
    tag: 'Uploads',
    for: 'owner',
    summary: 'Give an upload up',
    answers: tusDone('It is gone.'),
    handle: null,
  },
]
