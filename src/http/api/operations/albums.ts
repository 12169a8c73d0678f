import { Router } from 'express'
import {
  deleteAlbum,
  countItems,
  editAlbum,
  makeAlbumOf,
  putItems,
} from '../../../domain/albums/album-changes.ts'
import { ownAlbum } from '../../../domain/albums/album.ts'
import { listAlbums } from '../../../domain/albums/albums.ts'
import { deleteItems, markPrivate, removeItems } from '../../../domain/albums/item-changes.ts'
import { albumsOfItems, itemsOf, listItems, ownItem } from '../../../domain/items/item.ts'
import { listLinksOf } from '../../../domain/links/links.ts'
import type { Item } from '../../../domain/records/records.ts'
import { retryItem } from '../../../domain/preparing/retry.ts'
import type { WebContext } from '../../context.ts'
import { describeAlbum, describeItem } from '../item-serializers.ts'
import { jsonBody } from '../../input/bodies/json-body.ts'
import { describeLink } from '../link-serializers.ts'
import { idSchema, parse, parseAddress, requireOwner } from '../../input/caller.ts'
import { editAlbumBody, editItemBody, editItemsBody, itemsBody, newAlbumBody } from '../request-schemas.ts'
import { fromQuery } from '../../input/paging.ts'
import { requireSharer } from '../../input/sender-session.ts'

/** Albums, and items, in one answer. */
const albumsPerAnswer = 100
const itemsPerAnswer = 500

/** An owner's albums and items as JSON. */
export function apiAlbums(context: WebContext): Router {
  const { ports } = context
  const { store } = ports
  const router = Router()

  const describeItems = async (owner: string, items: readonly Item[]) => {
    const albums = await albumsOfItems(store, owner, items)
    return items.map((item, index) => describeItem(item, albums[index] ?? []))
  }

  router.get('/albums', async (req, res) => {
    const owner = await requireOwner(context, req)
    const { from } = parse(fromQuery, req.query)
    const { albums, total } = await listAlbums(store, owner.id, { from, limit: albumsPerAnswer })
    res.json({ total, albums: albums.map(({ album, count }) => describeAlbum(album, count)) })
  })

  router.post('/albums', jsonBody, async (req, res) => {
    await requireSharer(context, req)
    const owner = await requireOwner(context, req)
    const { items, ...wish } = parse(newAlbumBody, req.body)
    const album = await makeAlbumOf(ports, owner.id, { kind: 'manual', wish, items })
    res
      .status(201)
      .location(`/api/v1/albums/${album.id}`)
      .json(describeAlbum(album, await countItems(ports, album)))
  })

  router.get('/albums/:id', async (req, res) => {
    const owner = await requireOwner(context, req)
    const { from } = parse(fromQuery, req.query)
    const album = await ownAlbum(store, owner.id, parseAddress(idSchema, req.params.id))
    const [items, links, count] = await Promise.all([
      itemsOf(store, album, from, from + itemsPerAnswer - 1),
      listLinksOf(ports, album),
      countItems(ports, album),
    ])
    res.json({
      ...describeAlbum(album, count),
      items: await describeItems(owner.id, items),
      links: links.map((overview) => describeLink(context, req, owner, overview)),
    })
  })

  router.patch('/albums/:id', jsonBody, async (req, res) => {
    const owner = await requireOwner(context, req)
    const id = parseAddress(idSchema, req.params['id'])
    const { title, description, sender, order, items, cover } = parse(editAlbumBody, req.body)
    const album = await editAlbum(ports, owner.id, id, { title, description, sender, order, items, cover })
    res.json(describeAlbum(album, await countItems(ports, album)))
  })

  router.delete('/albums/:id', async (req, res) => {
    const owner = await requireOwner(context, req)
    await deleteAlbum(ports, owner.id, parseAddress(idSchema, req.params.id))
    res.status(204).end()
  })

  // With files instead of JSON the same address takes an upload: see api.ts.
  router.post('/albums/:id/items', jsonBody, async (req, res) => {
    const owner = await requireOwner(context, req)
    const id = parseAddress(idSchema, req.params['id'])
    const { items } = parse(itemsBody, req.body)
    const album = await putItems(ports, owner.id, id, items)
    res.json(describeAlbum(album, await countItems(ports, album)))
  })

  router.post('/albums/:id/items/remove', jsonBody, async (req, res) => {
    const owner = await requireOwner(context, req)
    const id = parseAddress(idSchema, req.params['id'])
    await removeItems(ports, owner.id, id, parse(itemsBody, req.body).items)
    res.status(204).end()
  })

  router.get('/items', async (req, res) => {
    const owner = await requireOwner(context, req)
    const { from } = parse(fromQuery, req.query)
    const { items, total } = await listItems(store, owner.id, { from, limit: itemsPerAnswer })
    res.json({ total, items: await describeItems(owner.id, items) })
  })

  router.patch('/items', jsonBody, async (req, res) => {
    const owner = await requireOwner(context, req)
    const { items, isPrivate } = parse(editItemsBody, req.body)
    await markPrivate(ports, owner.id, items, isPrivate)
    res.status(204).end()
  })

  router.get('/items/:id', async (req, res) => {
    const owner = await requireOwner(context, req)
    const item = await ownItem(store, owner.id, parseAddress(idSchema, req.params.id))
    const [described] = await describeItems(owner.id, [item])
    res.json(described)
  })

  router.patch('/items/:id', jsonBody, async (req, res) => {
    const owner = await requireOwner(context, req)
    const id = parseAddress(idSchema, req.params['id'])
    await markPrivate(ports, owner.id, [id], parse(editItemBody, req.body).isPrivate)
    const [described] = await describeItems(owner.id, [await ownItem(store, owner.id, id)])
    res.json(described)
  })

  router.post('/items/:id/retry', async (req, res) => {
    const owner = await requireOwner(context, req)
    const item = await retryItem(ports, owner.id, parseAddress(idSchema, req.params.id))
    const [described] = await describeItems(owner.id, [item])
    res.status(202).json(described)
  })

  router.delete('/items/:id', async (req, res) => {
    const owner = await requireOwner(context, req)
    await deleteItems(ports, owner.id, [parseAddress(idSchema, req.params.id)])
    res.status(204).end()
  })

  return router
}
