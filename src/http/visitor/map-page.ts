import { Router } from 'express'
import { z } from 'zod'
import { notFound } from '../../domain/records/errors.ts'
import { isShown } from '../../domain/items/recipient-copies.ts'
import { authorize } from '../../domain/gate/authorize.ts'
import { wholeItems } from '../../domain/items/album-summaries.ts'
import type { Item } from '../../domain/records/records.ts'
import { openMaps, type DrawnMap, type Maps, type View } from '../../media/map/map.ts'
import type { WebContext } from '../context.ts'
import { placeWords } from './item-view.ts'
import type { Language } from '../pages/language.ts'
import { chooseAlbum, openAlbums } from './read-opened.ts'
import type { MapPage, MapDrawing } from '../pages/page-views.ts'
import { idSchema, credentialsOf, parse, parseAddress, secretSchema } from '../input/caller.ts'
import { shownItems, titleOf, type Opened } from './share-view.ts'
import { isReady, mayShowPlace } from './tiles.ts'
import type { Views } from '../pages/views.ts'

const mapQuery = z.object({
  album: idSchema.optional(),
  /** The item to show the surroundings of. */
  item: idSchema.optional(),
  /** `west,south,east,north` */
  view: z
    .string()
    .max(100)
    .transform((text) => {
      const [west = NaN, south = NaN, east = NaN, north = NaN] = text.split(',').map(Number)
      return { west, south, east, north }
    })
    .refine(
      ({ west, south, east, north }) =>
        Math.abs(west) <= 180 && Math.abs(east) <= 180 && south >= -90 && south <= north && north <= 90,
      'is no view',
    )
    .optional(),
})

/** For phones and for wide windows, in pixels: the style sheet shows one of them. */
const sizes = [
  { name: 'small', width: 420, height: 520 },
  { name: 'wide', width: 1040, height: 640 },
] as const

/** Half of what is shown around one item, in degrees. */
const aroundItem = 0.08
const itemsListed = 60

const hasCoordinates = ({ facts }: Item): boolean => facts?.coordinates !== null && facts !== null

const viewText = ({ west, south, east, north }: View): string =>
  [west, south, east, north].map((value) => Number(value.toFixed(5))).join(',')

/** A link's items on a map that is drawn here, with nobody else's help. */
export function mapPage(context: WebContext, views: Views): Router {
  const { ports } = context
  const router = Router()
  let maps: Promise<Maps> | null = null

  router.get('/s/:secret/map', async (req, res) => {
    const access = await authorize(ports, credentialsOf(context, req))
    if (!mayShowPlace(access.link)) throw notFound('map')
    const query = parse(mapQuery, req.query)
    const opened = chooseAlbum(await openAlbums(ports.store, access), query.album)
    const placed = shownItems(opened).filter((item) => item.isReady && item.hasCoordinates)
    const ids = placed.map(({ id }) => id)
    const whole = await wholeItems(ports.store, access.link.owner, ids, new Map())
    const items = whole.filter((item) => isShown(item) && isReady(item) && hasCoordinates(item))
    const view = viewOf(query, items)
    maps ??= openMaps()
    const opener = maps
    // If the map cannot be opened, the next request tries again.
    const drawer = await opener.catch((error: unknown) => {
      maps = null
      throw error
    })
    const points = items.flatMap(({ id, facts }) =>
      facts?.coordinates
        ? [{ id, latitude: facts.coordinates.latitude, longitude: facts.coordinates.longitude }]
        : [],
    )
    const base = `/s/${parseAddress(secretSchema, req.params.secret)}`
    const drawn = sizes.map(({ name, width, height }) => ({
      name,
      map: drawer.draw({ points, view, width, height }),
    }))
    views.render(
      res,
      200,
      'map',
      model(views.languageOf(res), opened, items, drawn, { base, album: query.album, view }),
    )
  })

  return router
}

function viewOf({ item, view }: z.infer<typeof mapQuery>, items: readonly Item[]): View | 'fit' {
  if (view) return view
  if (item === undefined) return 'fit'
  const at = items.find(({ id }) => id === item)?.facts?.coordinates
  if (!at) throw notFound('item')
  return {
    west: Math.max(-180, at.longitude - aroundItem),
    east: Math.min(180, at.longitude + aroundItem),
    south: Math.max(-90, at.latitude - aroundItem),
    north: Math.min(90, at.latitude + aroundItem),
  }
}

function model(
  language: Language,
  opened: Opened,
  items: readonly Item[],
  drawn: readonly { name: string; map: DrawnMap }[],
  { base, album, view }: { base: string; album: string | undefined; view: View | 'fit' },
): MapPage {
  const byId = new Map(items.map((item) => [item.id, item]))
  const part = album === undefined ? '' : `&album=${album}`
  const address = (shown: View): string => `${base}/map?view=${viewText(shown)}${part}`
  const ids = [...new Set(drawn.flatMap(({ map }) => map.clusters.flatMap((cluster) => cluster.ids)))]
  return {
    base: album === undefined ? base : `${base}?album=${album}`,
    title: titleOf(opened) ?? language.t('share.untitled'),
    isEmpty: items.length === 0,
    whole: view === 'fit' ? null : `${base}/map${album === undefined ? '' : `?album=${album}`}`,
    attribution: drawn[0]?.map.attribution ?? '',
    drawings: drawn.map(({ name, map }): MapDrawing => ({
      name,
      width: map.width,
      height: map.height,
      drawing: map.svg,
      out: map.outView === null ? null : address(map.outView),
      markers: map.clusters.map(({ x, y, count, ids: [first = ''], zoomView }) => {
        const item = byId.get(first)
        const place = item ? placeWords(language, item) : null
        return {
          x,
          y,
          radius: count === 1 ? 11 : Math.min(26, 14 + Math.round(2 * Math.log2(count))),
          count: count === 1 ? '' : language.number(count),
          address: count === 1 ? `${base}/items/${first}` : zoomView ? address(zoomView) : '#listed',
          label: [language.t('map.cluster', { count }), place].filter((text) => text !== null).join(', '),
        }
      }),
    })),
    items: ids.slice(0, itemsListed).flatMap((id) => {
      const item = byId.get(id)
      if (!item) return []
      return [
        {
          address: `${base}/items/${id}`,
          thumb: `${base}/items/${id}/thumb`,
          place: placeWords(language, item) ?? language.t('map.here'),
        },
      ]
    }),
  }
}
