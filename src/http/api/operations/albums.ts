import { addItems, ownAlbum } from '../../../domain/albums/album.ts'
import {
  countItems,
  deleteAlbum,
  editAlbum,
  makeAlbumOf,
  putItems,
} from '../../../domain/albums/album-changes.ts'
import { listAlbums } from '../../../domain/albums/albums.ts'
import { removeItems } from '../../../domain/albums/item-changes.ts'
import { itemsOf } from '../../../domain/items/item.ts'
import { listLinksOf } from '../../../domain/links/links.ts'
import { fromQuery } from '../../input/paging.ts'
import { countedSender, requireSender } from '../../input/sender-session.ts'
import { skippedFile } from '../../uploads/left-out.ts'
import { withUploadForm } from '../../uploads/upload-form.ts'
import { addedItemsAnswer, albumAnswer, albumDetailAnswer, albumsAnswer } from '../answer-schemas.ts'
import { describeAlbum, describeItems } from '../item-serializers.ts'
import { describeLink, itemState } from '../link-serializers.ts'
import * as example from '../openapi/examples.ts'
import { editAlbumBody, itemsBody, newAlbumBody } from '../request-schemas.ts'
import { itemsPerAnswer } from './items.ts'
import { nothing, ownerOperation, type Operation } from './operation.ts'
import { filesBody } from './sharing.ts'

const albumsPerAnswer = 100

/** An owner's albums, and what stands in them. */
export const albumOperations: readonly Operation[] = [
  ownerOperation(
    {
      method: 'get',
      path: '/albums',
      id: 'listAlbums',
      tag: 'Albums',
      summary: 'All albums, newest first, 100 at a time',
      query: fromQuery,
      answers: {
        200: {
          description: 'Albums from number `from` on.',
          body: albumsAnswer,
          example: { total: 1, albums: [example.album] },
        },
      },
    },
    async ({ context: { ports }, res, owner, query }) => {
      const { albums, total } = await listAlbums(ports.store, owner.id, {
        from: query().from,
        limit: albumsPerAnswer,
      })
      res.json({ total, albums: albums.map(({ album, count }) => describeAlbum(album, count)) })
    },
  ),
  ownerOperation(
    {
      method: 'post',
      path: '/albums',
      id: 'createAlbum',
      tag: 'Albums',
      shares: true,
      summary: 'Make an album, of items that are there already or empty',
      description: 'It has a day to get its first link; then it is deleted, with what stands in no other.',
      body: newAlbumBody,
      example: { title: 'Lisbon', sender: 'Ada', items: [example.itemId] },
      answers: {
        201: {
          description: 'The album.',
          body: albumAnswer,
          example: example.album,
          headers: { Location: 'Its address in this API.' },
        },
      },
      refusals: ['too-many-items'],
    },
    async ({ context: { ports }, res, owner, body }) => {
      const { items, ...wish } = body()
      const album = await makeAlbumOf(ports, owner.id, { kind: 'manual', wish, items })
      const described = describeAlbum(album, await countItems(ports, album))
      res.status(201).location(`/api/v1/albums/${album.id}`).json(described)
    },
  ),
  ownerOperation(
    {
      method: 'get',
      path: '/albums/{id}',
      id: 'getAlbum',
      tag: 'Albums',
      summary: 'One album with its links and 500 of its items',
      query: fromQuery,
      answers: {
        200: {
          description: 'The album, its items from number `from` on, and all its links.',
          body: albumDetailAnswer,
          example: { ...example.album, items: [example.item], links: [example.link] },
        },
      },
    },
    async ({ context, req, res, owner, id, query }) => {
      const { ports } = context
      const { from } = query()
      const album = await ownAlbum(ports.store, owner.id, id())
      const [items, links, count] = await Promise.all([
        itemsOf(ports.store, album, from, from + itemsPerAnswer - 1),
        listLinksOf(ports, album),
        countItems(ports, album),
      ])
      res.json({
        ...describeAlbum(album, count),
        items: await describeItems(ports.store, owner.id, items),
        links: links.map((overview) => describeLink(context, req, owner, overview)),
      })
    },
  ),
  ownerOperation(
    {
      method: 'patch',
      path: '/albums/{id}',
      id: 'editAlbum',
      tag: 'Albums',
      summary: 'Change an album: what is absent stays',
      description:
        '`items`, every one of them once, is the order by hand; `order: "date"` goes back to capture dates.',
      body: editAlbumBody,
      example: { title: 'Lisbon in May', cover: example.itemId },
      answers: { 200: { description: 'The album as it is now.', body: albumAnswer, example: example.album } },
    },
    async ({ context: { ports }, res, owner, id, body }) => {
      const { title, description, sender, order, items, cover } = body()
      const album = await editAlbum(ports, owner.id, id(), {
        title,
        description,
        sender,
        order,
        items,
        cover,
      })
      res.json(describeAlbum(album, await countItems(ports, album)))
    },
  ),
  ownerOperation(
    {
      method: 'delete',
      path: '/albums/{id}',
      id: 'deleteAlbum',
      tag: 'Albums',
      summary: 'Delete an album',
      description: 'Its links end with it; those that open other albums too only lose it.',
      answers: nothing('The album is gone.'),
    },
    async ({ context: { ports }, res, owner, id }) => {
      await deleteAlbum(ports, owner.id, id())
      res.status(204).end()
    },
  ),
  ownerOperation(
    {
      method: 'post',
      path: '/albums/{id}/items',
      id: 'addItems',
      tag: 'Albums',
      summary: 'Upload files into an album, or put items into it that are there already',
      body: itemsBody,
      example: { items: [example.itemId] },
      otherBodies: { 'multipart/form-data': filesBody },
      answers: {
        200: {
          description: 'The album, with the items named in it.',
          body: albumAnswer,
          example: example.album,
        },
        201: {
          description: 'The items that were uploaded, and the files that were left out: see `POST /shares`.',
          body: addedItemsAnswer,
          example: { items: [{ ...example.itemState, state: 'uploaded' }], skipped: [example.skipped] },
        },
      },
      refusals: [
        'too-many-items',
        'file-too-large',
        'unsupported-format',
        'owner-quota',
        'instance-full',
        'too-slow',
      ],
    },
    async ({ context, req, res, owner, id, body }) => {
      const { ports } = context
      if (req.is('application/json')) {
        const album = await putItems(ports, owner.id, id(), body().items)
        return res.json(describeAlbum(album, await countItems(ports, album)))
      }
      await requireSender(context, req)
      const album = await ownAlbum(ports.store, owner.id, id())
      const sender = { owner: owner.id, isNewOwner: false, counted: countedSender(context, req) }
      const answer = await withUploadForm(
        ports,
        context.places.uploads,
        req,
        sender,
        async ({ upload, received, skipped }) => {
          const items = await addItems(ports, { owner: owner.id, album: album.id, upload, received })
          return { items: items.map(itemState), skipped: skipped.map(skippedFile) }
        },
      )
      return res.status(201).json(answer)
    },
  ),
  ownerOperation(
    {
      method: 'post',
      path: '/albums/{id}/items/remove',
      id: 'removeItems',
      tag: 'Albums',
      summary: 'Take items out of an album',
      description: 'One that stands in no other album is deleted.',
      body: itemsBody,
      example: { items: [example.itemId] },
      answers: nothing('The items are out of it.'),
    },
    async ({ context: { ports }, res, owner, id, body }) => {
      await removeItems(ports, owner.id, id(), body().items)
      res.status(204).end()
    },
  ),
]
