import type { Response } from 'express'
import { countOwnerKey, rotateKey } from '../../../domain/owner/owner-key.ts'
import { findOwner, ownerFigures } from '../../../domain/owner/owner.ts'
import { Refused } from '../../../domain/records/errors.ts'
import { addressOf, baseUrl, forgetOwner, rememberOwner } from '../../input/caller.ts'
import { isoDate } from '../../input/link-address.ts'
import { qrCode } from '../../pages/qr-code.ts'
import { ownerAnswer, ownerKeyAnswer } from '../answer-schemas.ts'
import { ownerKeyBody } from '../request-schemas.ts'
import { nothing, operation, ownerOperation, type Operation } from './operation.ts'

const ownerKey = 'y4dvmxrnqh3tklc2zjwfse6pba7uogi5y4dvmxrnqh3tklc2zjwf'

/** A key is for its owner alone, and never kept by anything in between. */
const secretly = (res: Response): Response => res.set('Cache-Control', 'no-store')

/** An owner's key: what it owns, to carry it to another device, and to change it. */
export const ownerOperations: readonly Operation[] = [
  ownerOperation(
    {
      method: 'get',
      path: '/owner',
      id: 'getOwner',
      tag: 'Owner',
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
    async ({ context: { ports }, res, owner }) => {
      const { createdAt, ...figures } = await ownerFigures(ports.store, owner.id)
      res.json({ createdAt: isoDate(createdAt), ...figures, maxBytes: ports.limits.maxOwnerBytes })
    },
  ),
  ownerOperation(
    {
      method: 'get',
      path: '/owner/key',
      id: 'getOwnerKey',
      tag: 'Owner',
      summary: 'The owner key as a file',
      answers: { 200: { description: 'The key and a line end.', types: ['text/plain'] } },
    },
    ({ res, owner }) => {
      secretly(res)
        .type('text/plain')
        .set('Content-Disposition', 'attachment; filename="mayfly-owner-key.txt"')
        .send(`${owner.key}\n`)
    },
  ),
  ownerOperation(
    {
      method: 'get',
      path: '/owner/key.svg',
      id: 'getOwnerKeyCode',
      tag: 'Owner',
      summary: 'A QR code that carries the owner key to another device',
      answers: { 200: { description: 'The code.', types: ['image/svg+xml'] } },
    },
    async ({ context: { settings }, req, res, owner }) => {
      // The key is in the fragment, which browsers do not send: the page reads it and asks for a cookie.
      const svg = await qrCode(`${baseUrl(settings, req)}/key#${owner.key}`)
      secretly(res).type('image/svg+xml').send(svg)
    },
  ),
  ownerOperation(
    {
      method: 'post',
      path: '/owner/key/rotate',
      id: 'rotateOwnerKey',
      tag: 'Owner',
      summary: 'Take a new owner key; the old one opens nothing any more',
      answers: {
        200: {
          description: 'The new key, also set as a cookie.',
          body: ownerKeyAnswer,
          example: { ownerKey },
        },
      },
    },
    async ({ context: { ports, settings }, res, owner }) => {
      const rotated = await rotateKey(ports, owner)
      rememberOwner(settings, res, rotated)
      secretly(res).json({ ownerKey: rotated.key })
    },
  ),
  operation(
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
    async ({ context: { ports, settings }, req, res, body }) => {
      const { ownerKey } = body()
      await countOwnerKey(ports.store, addressOf(req))
      const owner = await findOwner(ports.store, ownerKey.trim())
      if (!owner) throw new Refused('unauthorized', 'This owner key is not known here.')
      rememberOwner(settings, res, owner)
      res.status(204).end()
    },
  ),
  operation(
    {
      method: 'delete',
      path: '/owner/session',
      id: 'closeOwnerSession',
      tag: 'Owner',
      for: 'anyone',
      summary: 'Make this browser forget the owner key',
      answers: nothing(
        'The cookie is gone. Without a copy of the key its shares cannot be managed any more.',
      ),
    },
    ({ context: { settings }, res }) => {
      forgetOwner(settings, res)
      res.status(204).end()
    },
  ),
]
