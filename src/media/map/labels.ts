import type { Town, Towns } from '../place/towns.ts'
import type { Rectangle } from './clip.ts'
import { inFrame, viewOf, type Frame } from './frame.ts'
import { project } from './mercator.ts'

/** A town's name on the map: its dot in pixels, and on which side of it the name stands. */
export interface Label {
  readonly x: number
  readonly y: number
  readonly name: string
  readonly side: 'left' | 'right'
}

/** Pixels of the drawing for each label. */
const areaOfLabel = 22_000
/** Pixels: about what a name takes in letters of 12 pixels. */
const letter = 6.5
const line = 14
const dot = 5

/** Names of the largest towns that a frame shows, as many as stand there apart from each other and from `taken`. */
export function labelsIn(towns: Towns, frame: Frame, taken: readonly Rectangle[]): Label[] {
  const wanted = Math.min(40, Math.max(4, Math.floor((frame.width * frame.height) / areaOfLabel)))
  const used = [...taken]
  const labels: Label[] = []
  for (const town of shownTowns(towns, frame, wanted * 4)) {
    if (labels.length === wanted) break
    const { x, y } = inFrame(frame, project(town.latitude, town.longitude))
    const across = dot + town.name.length * letter
    for (const side of ['right', 'left'] as const) {
      const left = side === 'right' ? x - dot : x - across
      const place = { left, top: y - line / 2, right: left + across + dot, bottom: y + line / 2 }
      const fits =
        place.left >= 0 && place.right <= frame.width && place.top >= 0 && place.bottom <= frame.height
      if (!fits || used.some((other) => overlap(place, other))) continue
      used.push(place)
      labels.push({ x: Math.round(x), y: Math.round(y), name: town.name, side })
      break
    }
  }
  return labels
}

function shownTowns(towns: Towns, frame: Frame, limit: number): Town[] {
  const { west, south, east, north } = viewOf(frame)
  if (west <= east) return towns.largest({ west, south, east, north }, limit)
  const sides = [
    ...towns.largest({ west, south, east: 180, north }, limit),
    ...towns.largest({ west: -180, south, east, north }, limit),
  ]
  return sides.sort((a, b) => b.population - a.population).slice(0, limit)
}

const overlap = (a: Rectangle, b: Rectangle): boolean =>
  a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom
