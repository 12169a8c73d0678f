import { clustersIn, type Cluster, type MapPoint } from './clusters.ts'
import type { Rectangle } from './clip.ts'
import {
  frameAround,
  frameOfPoints,
  frameOfView,
  leastScale,
  viewOf,
  type Frame,
  type View,
} from './frame.ts'
import { openGround, type Ground } from './ground.ts'
import { labelsIn, type Label } from './labels.ts'
import { project } from './mercator.ts'
import { pathOfLines, pathOfRings, unitsPerPixel } from './path.ts'
import { openTowns } from '../place/towns.ts'

export type { Cluster, MapPoint } from './clusters.ts'
export type { View } from './frame.ts'

export interface MapWish {
  readonly points: readonly MapPoint[]
  /** `fit`: whatever shows all points; the world where there are none. */
  readonly view: View | 'fit'
  /** Pixels, 100 to 4000. */
  readonly width: number
  readonly height: number
}

/** A map drawn: `svg` is what stands below the markers, `clusters` are what to draw as markers above it. */
export interface DrawnMap {
  readonly width: number
  readonly height: number
  /** What it shows: at least the view asked for. */
  readonly view: View
  /** The view that shows this one's surroundings; null where all the world is shown. */
  readonly outView: View | null
  /**
   * Content for `<svg viewBox="0 0 width height">`: elements with the classes `map-water`, `map-land`, `map-border`,
   * `map-dot`, `map-name` and `map-name-left`; no colours, no style attributes.
   */
  readonly svg: string
  readonly clusters: readonly Cluster[]
  /** Whom to name under the map. */
  readonly attribution: string
}

/** Draws maps without anybody's tiles. */
export interface Maps {
  /** Throws RangeError for sizes out of bounds and for degrees that are none. Takes some 10 ms; the same wish gives the same map. */
  draw(wish: MapWish): DrawnMap
}

const attribution = 'Natural Earth, GeoNames (CC BY 4.0)'

/** Opens the packed map and the names on it: about 30 ms and 15 MB. */
export async function openMaps(): Promise<Maps> {
  const [groundFor, towns] = await Promise.all([openGround(), openTowns()])
  return {
    draw(wish) {
      check(wish)
      const { points, view, width, height } = wish
      const frame =
        view === 'fit'
          ? frameOfPoints(
              points.map(({ latitude, longitude }) => project(latitude, longitude)),
              width,
              height,
            )
          : frameOfView(view, width, height)
      const clusters = clustersIn(frame, points)
      const labels = labelsIn(towns, frame, clusters.map(marker))
      return {
        width,
        height,
        view: viewOf(frame),
        outView: outViewOf(frame),
        svg: drawn(groundFor(frame.scale), frame, labels),
        clusters,
        attribution,
      }
    },
  }
}

function check({ points, view, width, height }: MapWish): void {
  for (const size of [width, height])
    if (!(Number.isInteger(size) && size >= 100 && size <= 4000))
      throw new RangeError(`no size of a map: ${size}`)
  const latitudes = points.map(({ latitude }) => latitude)
  const longitudes = points.map(({ longitude }) => longitude)
  if (view !== 'fit') {
    latitudes.push(view.south, view.north)
    longitudes.push(view.west, view.east)
    if (view.south > view.north) throw new RangeError('a view whose south lies north of its north')
  }
  if (!latitudes.every((degrees) => Math.abs(degrees) <= 90)) throw new RangeError('no latitude')
  if (!longitudes.every((degrees) => Math.abs(degrees) <= 180)) throw new RangeError('no longitude')
}

/** Half the size of a marker: no name is placed there. */
const markerHalf = 16
const marker = ({ x, y }: Cluster): Rectangle => ({
  left: x - markerHalf,
  top: y - markerHalf,
  right: x + markerHalf,
  bottom: y + markerHalf,
})

/** Twice as wide and high, or null where the world is shown already. */
function outViewOf({ left, top, scale, width, height }: Frame): View | null {
  // Views are told in rounded degrees.
  if (scale <= leastScale(width, height) * 1.01) return null
  const [across, down] = [width / scale, height / scale]
  const box = {
    left: left - across / 2,
    right: left + across * 1.5,
    top: top - down / 2,
    bottom: top + down * 1.5,
  }
  return viewOf(frameAround(box, width, height))
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

function drawn({ land, borders }: Ground, frame: Frame, labels: readonly Label[]): string {
  const { width, height } = frame
  const [landPath, borderPath] = [pathOfRings(land, frame), pathOfLines(borders, frame)]
  const ground = [
    landPath && `<path class="map-land" fill-rule="evenodd" d="${landPath}"/>`,
    borderPath && `<path class="map-border" d="${borderPath}"/>`,
  ].join('')
  const names = labels.map(({ x, y, name, side }) => {
    const text =
      side === 'right'
        ? `<text class="map-name" x="${x + 5}" y="${y + 4}">`
        : `<text class="map-name map-name-left" text-anchor="end" x="${x - 5}" y="${y + 4}">`
    return `<circle class="map-dot" cx="${x}" cy="${y}" r="2"/>${text}${escaped(name)}</text>`
  })
  return (
    `<rect class="map-water" width="${width}" height="${height}"/>` +
    (ground && `<g transform="scale(${1 / unitsPerPixel})">${ground}</g>`) +
    names.join('')
  )
}
