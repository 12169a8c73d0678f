import { Router, type Request, type Response } from 'express'
import { z } from 'zod'
import { deleteAlbum, countItems, editAlbum } from '../../domain/albums/album-changes.ts'
import { ownAlbum } from '../../domain/albums/album.ts'
import { listAlbums } from '../../domain/albums/albums.ts'
import { markPrivate, removeItems } from '../../domain/albums/item-changes.ts'
import { itemIdsOf, itemsOf } from '../../domain/items/item.ts'
import { listLinksOf, type LinkOverview } from '../../domain/links/links.ts'
import type { KnownOwner } from '../../domain/owner/owner.ts'
import type { Album, Item } from '../../domain/records/records.ts'
import { canRetry, retryItem } from '../../domain/preparing/retry.ts'
import type { WebContext } from '../context.ts'
import { fieldsOf, formBody, severalOf } from '../input/form-fields.ts'
import type { Language } from '../pages/language.ts'
import { addressOfLink } from '../input/link-address.ts'
import type { LinkLine, OwnerTile } from '../pages/owner-page-views.ts'
import { idSchema, parse, parseAddress, rememberOwner, requireOwner } from '../input/caller.ts'
import { fromQuery } from '../input/paging.ts'
import { untilWords, timeLeft } from '../pages/words.ts'
import { plain } from '../input/share-fields.ts'
import type { Views } from '../pages/views.ts'

const albumsPerPage = 60
const itemsPerPage = 300

const line = (longest: number) => z.string().max(longest).transform(plain)
const editForm = z.strictObject({
  title: line(200),
  description: line(2000),
  sender: line(100),
  order: z.enum(['date', 'hand']),
})
const itemsForm = z.strictObject({
  items: severalOf(idSchema),
  what: z.enum(['private', 'public', 'remove', 'cover', 'first', 'last', 'retry']),
})

/** The owner's pages of albums. They work without scripts. */
export function albumPages(context: WebContext, views: Views): Router {
  const { ports, settings } = context
  const { store } = ports
  const router = Router()

  router.get('/albums', async (req, res) => {
    const owner = await requireOwner(context, req)
    const { from } = parse(fromQuery, req.query)
    const { albums, total } = await listAlbums(store, owner.id, { from, limit: albumsPerPage })
    const language = views.languageOf(res)
    const first = await Promise.all(albums.map(({ album }) => itemsOf(store, album, 0, 0)))
    rememberOwner(settings, res, owner)
    views.render(res, 200, 'albums', {
      albums: albums.map(({ album, count }, index) => ({
        id: album.id,
        title: album.title || language.t('album.untitled'),
        facts: [language.t('count.items', { count })],
        cover: thumbOf(album.cover, first[index]?.[0]),
      })),
      older: from + albumsPerPage < total ? `/albums?from=${from + albumsPerPage}` : null,
    })
  })

  async function show(
    req: Request,
    res: Response,
    owner: KnownOwner,
    input: { problem: string | null; status: number },
  ): Promise<void> {
    const language = views.languageOf(res)
    const { from } = parse(z.object({ from: fromQuery.shape.from }), req.query)
    const album = await ownAlbum(store, owner.id, parseAddress(idSchema, req.params['id']))
    const [items, links, count] = await Promise.all([
      itemsOf(store, album, from, from + itemsPerPage - 1),
      listLinksOf(ports, album),
      countItems(ports, album),
    ])
    const address = `/albums/${album.id}`
    rememberOwner(settings, res, owner)
    views.render(res, input.status, 'album', {
      id: album.id,
      heading: album.title || language.t('album.untitled'),
      ownTitle: album.title,
      description: album.description,
      sender: album.sender,
      isByHand: album.order === 'hand',
      facts: [language.t('count.items', { count })],
      items: items.map((item) => ownerTile(language, album, item)),
      links: links.map((overview) => lineOf(context, req, owner, language, overview)),
      hasFailed: items.some(canRetry),
      isSaved: req.query['saved'] !== undefined,
      problem: input.problem,
      pages:
        count > itemsPerPage
          ? {
              earlier: from > 0 ? `${address}?from=${Math.max(0, from - itemsPerPage)}` : null,
              later: from + itemsPerPage < count ? `${address}?from=${from + itemsPerPage}` : null,
            }
          : null,
    })
  }

  router.get('/albums/:id', async (req, res) => {
    await show(req, res, await requireOwner(context, req), { problem: null, status: 200 })
  })

  router.post('/albums/:id', formBody, async (req, res) => {
    const owner = await requireOwner(context, req)
    const id = parseAddress(idSchema, req.params['id'])
    await editAlbum(ports, owner.id, id, {
      ...parse(editForm, fieldsOf(req)),
      items: undefined,
      cover: undefined,
    })
    res.redirect(303, `/albums/${id}?saved=1`)
  })

  router.post('/albums/:id/items', formBody, async (req, res) => {
    const owner = await requireOwner(context, req)
    const id = parseAddress(idSchema, req.params['id'])
    const { items, what } = parse(itemsForm, fieldsOf(req))
    if (items.length === 0)
      return show(req, res, owner, { problem: views.languageOf(res).t('album.nothingTicked'), status: 400 })
    if (what === 'retry' && !(await retryAll(owner.id, id, items)))
      return show(req, res, owner, {
        problem: views.languageOf(res).t('error.nothing-to-retry'),
        status: 409,
      })
    if (what !== 'retry') await change(owner.id, id, items, what)
    res.redirect(303, `/albums/${id}?saved=1`)
  })

  /** Returns whether there was anything to retry. */
  async function retryAll(owner: string, id: string, ids: readonly string[]): Promise<boolean> {
    const items = await itemsOf(store, await ownAlbum(store, owner, id))
    const failed = items.filter((item) => ids.includes(item.id) && canRetry(item))
    for (const item of failed) await retryItem(ports, owner, item.id)
    return failed.length > 0
  }

  async function change(
    owner: string,
    id: string,
    items: readonly string[],
    what: Exclude<z.infer<typeof itemsForm>['what'], 'retry'>,
  ): Promise<void> {
    const [first = ''] = items
    if (what === 'private' || what === 'public') await markPrivate(ports, owner, items, what === 'private')
    else if (what === 'remove') await removeItems(ports, owner, id, items)
    else if (what === 'cover') await editAlbum(ports, owner, id, { ...unchanged, cover: first })
    else {
      const there = await itemIdsOf(store, await ownAlbum(store, owner, id))
      const chosen = new Set(items)
      const moved = there.filter((item) => chosen.has(item))
      const rest = there.filter((item) => !chosen.has(item))
      const order = what === 'first' ? [...moved, ...rest] : [...rest, ...moved]
      await editAlbum(ports, owner, id, { ...unchanged, items: order })
    }
  }

  router.post('/albums/:id/delete', formBody, async (req, res) => {
    const owner = await requireOwner(context, req)
    await deleteAlbum(ports, owner.id, parseAddress(idSchema, req.params['id']))
    res.redirect(303, '/albums')
  })

  return router
}

const unchanged = {
  title: undefined,
  description: undefined,
  sender: undefined,
  order: undefined,
  items: undefined,
  cover: undefined,
}

const thumbOf = (cover: string | null, first: Item | undefined): string | null => {
  const id = cover ?? (first?.renditions.thumb ? first.id : null)
  return id === null ? null : `/api/v1/items/${id}/thumb`
}

/** Whether bytes that its sender sent are no longer what they were. */
const wasChanged = ({ original, motion }: Item): boolean =>
  original.isWrong === true || motion?.original.isWrong === true

function ownerTile(language: Language, album: Album, item: Item): OwnerTile {
  return {
    id: item.id,
    name: item.name,
    thumb: item.renditions.thumb ? `/api/v1/items/${item.id}/thumb` : null,
    notes: [
      ...(item.isPrivate ? [language.t('album.isPrivate')] : []),
      ...(item.id === album.cover ? [language.t('album.isCover')] : []),
      ...(item.state === 'waiting' ? [language.t('album.waiting')] : []),
      ...(item.state === 'failed' ? [item.reason ?? language.t('album.failed')] : []),
      ...(item.state === 'ready' && wasChanged(item) ? [language.t('error.changed-in-storage')] : []),
    ],
    isPrivate: item.isPrivate,
  }
}

/** A link in one line. */
function lineOf(
  context: WebContext,
  req: Request,
  owner: KnownOwner,
  language: Language,
  { link, state, isRenewable, visits, downloads }: LinkOverview,
): LinkLine {
  const now = context.ports.clock.now()
  const date = { day: 'numeric', month: 'long', year: 'numeric' } as const
  const ended = language.date(link.stoppedAt ?? link.expiresAt, date)
  return {
    id: link.id,
    title: link.label || language.t('link.title'),
    url: state === 'open' ? addressOfLink(context, req, owner, link.sealedSecret) : null,
    isOpen: state === 'open',
    isRenewable: isRenewable && state !== 'open',
    facts: [
      state === 'open'
        ? `${timeLeft(language, link, now)} · ${untilWords(language, link, now)}`
        : language.t(state === 'stopped' ? 'shares.stoppedOn' : 'shares.expiredOn', { date: ended }),
      `${language.t('link.visits')}: ${language.number(visits)}`,
      `${language.t('link.downloadsCount')}: ${language.number(downloads)}`,
      ...(link.password ? [language.t('link.password')] : []),
    ],
  }
}
