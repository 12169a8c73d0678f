import { ownerAnswer, ownerKeyAnswer } from '../answer-schemas.ts'
import { ownerKeyBody } from '../request-schemas.ts'
import { nothing, type Operation } from '../operations/operation.ts'

const ownerKey = 'y4dvmxrnqh3tklc2zjwfse6pba7uogi5y4dvmxrnqh3tklc2zjwf'

export const ownerOperations: readonly Operation[] = [
  {
    method: 'get',
    path: '/owner',
    id: 'getOwner',
    tag: 'Owner',
    for: 'owner',
    summary: 'What you have here',
    answers: {
      200: {
        description: 'Bytes that count against the quota, and how much of what.',
        body: ownerAnswer,
        example: {
          createdAt: '2026-05-04T08:58:00.000Z',
          bytes: 2_412_544,
          maxBytes: 107_374_182_400,
          items: 1,
          albums: 1,
          links: 1,
        },
      },
    },
  },
  {
    method: 'get',
    path: '/owner/key',
    id: 'getOwnerKey',
    tag: 'Owner',
    for: 'owner',
    summary: 'The owner key as a file',
    answers: { 200: { description: 'The key and a line end.', types: ['text/plain'] } },
  },
  {
    method: 'get',
    path: '/owner/key.svg',
    id: 'getOwnerKeyCode',
    tag: 'Owner',
    for: 'owner',
    summary: 'A QR code that carries the owner key to another device',
    answers: { 200: { description: 'The code.', types: ['image/svg+xml'] } },
  },
  {
    method: 'post',
    path: '/owner/key/rotate',
    id: 'rotateOwnerKey',
    tag: 'Owner',
    for: 'owner',
    summary: 'Take a new owner key; the old one opens nothing any more',
    answers: {
      200: { description: 'The new key, also set as a cookie.', body: ownerKeyAnswer, example: { ownerKey } },
    },
  },
  {
    method: 'put',
    path: '/owner/session',
    id: 'openOwnerSession',
    tag: 'Owner',
    for: 'anyone',
    summary: 'Let this browser in as the owner of a key',
    body: ownerKeyBody,
    example: { ownerKey },
    answers: nothing('The key is kept as a cookie.'),
    refusals: ['unauthorized', 'too-many-requests'],
  },
  {
    method: 'delete',
    path: '/owner/session',
    id: 'closeOwnerSession',
    tag: 'Owner',
    for: 'anyone',
    summary: 'Make this browser forget the owner key',
    answers: nothing('The cookie is gone. Without a copy of the key its shares cannot be managed any more.'),
  },
]
