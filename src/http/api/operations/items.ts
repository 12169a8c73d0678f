import { deleteItems, markPrivate } from '../../../domain/albums/item-changes.ts'
import { listItems, ownItem } from '../../../domain/items/item.ts'
import { retryItem } from '../../../domain/preparing/retry.ts'
import { Refused, notFound } from '../../../domain/records/errors.ts'
import { objects } from '../../../domain/records/keys.ts'
import { openRight } from '../../delivery/checked-object.ts'
import { senderParty, whileInPlace } from '../../delivery/fair-places.ts'
import { sendObject, type Sendable } from '../../delivery/send-object.ts'
import { fromQuery } from '../../input/paging.ts'
import { itemAnswer, itemsAnswer } from '../answer-schemas.ts'
import { describeItems } from '../item-serializers.ts'
import * as example from '../openapi/examples.ts'
import { editItemBody, editItemsBody } from '../request-schemas.ts'
import { ownerNews } from './owner-news.ts'
import { nothing, ownerOperation, type Answer, type Operation } from './operation.ts'

/** Items in one answer. */
export const itemsPerAnswer = 500

const pictureTypes = ['image/webp', 'image/jpeg', 'image/png', 'image/avif']
const picture: Readonly<Record<number, Answer>> = {
  200: { description: 'The picture.', types: pictureTypes },
  206: { description: 'The bytes of the range asked for.', types: pictureTypes },
  304: { description: 'The picture that the caller has already.' },
}

/** A picture of an owner's own item, for the pages on which albums are made. */
const pictureOperation = (name: 'thumb' | 'preview', id: string, summary: string): Operation =>
  ownerOperation(
    {
      method: 'get',
      path: `/items/{id}/${name}`,
      id,
      tag: 'Items',
      summary,
      answers: picture,
      refusals: ['not-ready', 'range'],
    },
    async ({ context: { ports, places }, req, res, owner, id }) => {
      const item = await ownItem(ports.store, owner.id, id())
      const rendition = item.renditions[name]
      if (!rendition && (item.state === 'ready' || item.state === 'failed')) throw notFound('picture')
      if (!rendition)
        throw new Refused('not-ready', 'This is still being prepared. Try again in a moment.', {
          retryAfterSeconds: 5,
        })
      const sendable: Sendable = {
        size: rendition.size,
        etag: rendition.sha256,
        mime: rendition.mime,
        sha256: rendition.sha256,
        open: (range) =>
          openRight(ports, { key: objects.rendition(item.id, name), stored: rendition }, range),
      }
      await sendObject(req, res, whileInPlace(places.downloads, senderParty(req, owner.id), res, sendable))
    },
  )

/** An owner's items, wherever they stand. */
export const itemOperations: readonly Operation[] = [
  ownerOperation(
    {
      method: 'get',
      path: '/items',
      id: 'listItems',
      tag: 'Items',
      summary: 'All items, the last uploaded first, 500 at a time',
      query: fromQuery,
      answers: {
        200: {
          description: 'Items from number `from` on.',
          body: itemsAnswer,
          example: { total: 1, items: [example.item] },
        },
      },
    },
    async ({ context: { ports }, res, owner, query }) => {
      const { items, total } = await listItems(ports.store, owner.id, {
        from: query().from,
        limit: itemsPerAnswer,
      })
      res.json({ total, items: await describeItems(ports.store, owner.id, items) })
    },
  ),
  ownerOperation(
    {
      method: 'patch',
      path: '/items',
      id: 'editItems',
      tag: 'Items',
      summary: 'Mark items private, so that no link shows them, or take the mark away',
      body: editItemsBody,
      example: { items: [example.itemId], isPrivate: true },
      answers: nothing('All of them are marked so.'),
    },
    async ({ context: { ports }, res, owner, body }) => {
      const { items, isPrivate } = body()
      await markPrivate(ports, owner.id, items, isPrivate)
      res.status(204).end()
    },
  ),
  ownerOperation(
    {
      method: 'get',
      path: '/items/{id}',
      id: 'getItem',
      tag: 'Items',
      summary: 'One item',
      answers: { 200: { description: 'The item.', body: itemAnswer, example: example.item } },
    },
    async ({ context: { ports }, res, owner, id }) => {
      const item = await ownItem(ports.store, owner.id, id())
      const [described] = await describeItems(ports.store, owner.id, [item])
      res.json(described)
    },
  ),
  ownerOperation(
    {
      method: 'patch',
      path: '/items/{id}',
      id: 'editItem',
      tag: 'Items',
      summary: 'Mark an item private, or take the mark away',
      body: editItemBody,
      example: { isPrivate: true },
      answers: {
        200: {
          description: 'The item as it is now.',
          body: itemAnswer,
          example: { ...example.item, isPrivate: true },
        },
      },
    },
    async ({ context: { ports }, res, owner, id, body }) => {
      await markPrivate(ports, owner.id, [id()], body().isPrivate)
      const item = await ownItem(ports.store, owner.id, id())
      const [described] = await describeItems(ports.store, owner.id, [item])
      res.json(described)
    },
  ),
  ownerOperation(
    {
      method: 'post',
      path: '/items/{id}/retry',
      id: 'retryItem',
      tag: 'Items',
      summary: 'Try again what went wrong with an item',
      description:
        'A file that could not be opened, or not yet (`waiting`, which is also tried again by itself); a copy that was withheld; a video that could not be made to play.',
      answers: {
        202: {
          description: 'It is tried again; the item as it is now.',
          body: itemAnswer,
          example: { ...example.item, state: 'uploaded' },
        },
      },
      refusals: ['nothing-to-retry'],
    },
    async ({ context: { ports }, res, owner, id }) => {
      const item = await retryItem(ports, owner.id, id())
      const [described] = await describeItems(ports.store, owner.id, [item])
      res.status(202).json(described)
    },
  ),
  ownerOperation(
    {
      method: 'delete',
      path: '/items/{id}',
      id: 'deleteItem',
      tag: 'Items',
      summary: 'Delete an item from every album',
      answers: nothing('The item is gone.'),
    },
    async ({ context: { ports }, res, owner, id }) => {
      await deleteItems(ports, owner.id, [id()])
      res.status(204).end()
    },
  ),
  pictureOperation('thumb', 'getThumb', 'A small picture of an item'),
  pictureOperation('preview', 'getPreview', 'A picture of an item to look at'),
  ownerOperation(
    {
      method: 'get',
      path: '/events',
      id: 'listen',
      tag: 'Items',
      summary: 'News of your items as they are prepared (server-sent events)',
      answers: { 200: { description: 'Events without an end.', types: ['text/event-stream'] } },
    },
    ownerNews,
  ),
]
