import { project, unproject, type Point } from './mercator.ts'

/** Degrees between -180 and 180, -90 and 90; `east` less than `west` where the view crosses the date line. */
export interface View {
  readonly west: number
  readonly south: number
  readonly east: number
  readonly north: number
}

/** What a drawing shows: a rectangle of the world's square, and how large it is drawn. */
export interface Frame {
  /** The left upper corner, in the world's square. */
  readonly left: number
  readonly top: number
  /** Pixels that the whole world would be wide. */
  readonly scale: number
  /** Pixels. */
  readonly width: number
  readonly height: number
}

/** No view is narrower than this part of the world, about 4 km at the equator: the coasts are no finer. */
const leastSpan = 1e-4
/** What fits points is no narrower than this, about 30 km: a coast and towns are there to see where one is. */
const leastFit = 8e-4
/** Room around the points of a view that fits them. */
const margin = 1.3

/** Where a point of the world stands in the drawing, in pixels, the turn of the world that is nearest to its middle. */
export function inFrame(frame: Frame, point: Point): Point {
  const middle = frame.left + frame.width / frame.scale / 2
  const x = point.x + Math.round(middle - point.x)
  return { x: (x - frame.left) * frame.scale, y: (point.y - frame.top) * frame.scale }
}

/** The rectangle around all points, by the shortest way around the world. Null without points. */
export function boxOf(
  points: readonly Point[],
): { left: number; top: number; right: number; bottom: number } | null {
  if (points.length === 0) return null
  const xs = points.map(({ x }) => x - Math.floor(x)).sort((a, b) => a - b)
  // It begins after the widest gap.
  let left = xs[0] ?? 0
  let gap = left + 1 - (xs.at(-1) ?? 0)
  let right = xs.at(-1) ?? 0
  for (const [index, x] of xs.entries()) {
    const next = xs[index + 1]
    if (next === undefined || next - x <= gap) continue
    gap = next - x
    left = next
    right = x + 1
  }
  let [top, bottom] = [Infinity, -Infinity]
  for (const { y } of points) {
    top = Math.min(top, y)
    bottom = Math.max(bottom, y)
  }
  return { left, top, right, bottom }
}

/** The scale of a drawing that shows all of the world. */
export const leastScale = (width: number, height: number): number => Math.min(width, height)

/** The rectangle of the world that is shown where there is nothing to show: without what lies around the poles. */
const world = { left: 0, top: 0.2, right: 1, bottom: 0.75 }

/** A drawing of `width` × `height` that shows all of a rectangle, and more where the forms differ. */
export function frameAround(
  box: { left: number; top: number; right: number; bottom: number },
  width: number,
  height: number,
): Frame {
  const across = Math.max(box.right - box.left, leastSpan)
  const down = Math.max(box.bottom - box.top, (leastSpan * height) / width)
  // Where all of the world is shown in a wide drawing it goes on at the sides.
  const scale = Math.max(Math.min(width / across, height / down), leastScale(width, height))
  const left = (box.left + box.right) / 2 - width / scale / 2
  const span = height / scale
  const top = (box.top + box.bottom) / 2 - span / 2
  return {
    left,
    top: span >= 1 ? (1 - span) / 2 : Math.min(Math.max(top, 0), 1 - span),
    scale,
    width,
    height,
  }
}

/** The frame that shows all points with room around them, and at least `least` of the world; all of it without points. */
export function frameOfPoints(
  points: readonly Point[],
  width: number,
  height: number,
  least = leastFit,
): Frame {
  const box = boxOf(points)
  if (!box) return frameAround(world, width, height)
  const across = Math.max((box.right - box.left) * margin, least)
  const down = (box.bottom - box.top) * margin
  const [x, y] = [(box.left + box.right) / 2, (box.top + box.bottom) / 2]
  const around = { left: x - across / 2, right: x + across / 2, top: y - down / 2, bottom: y + down / 2 }
  return frameAround(around, width, height)
}

/** The frame that shows all of a view. */
export function frameOfView(view: View, width: number, height: number): Frame {
  const { x: left, y: top } = project(view.north, view.west)
  const { x: right, y: bottom } = project(view.south, view.east)
  const upright = { top: Math.min(top, bottom), bottom: Math.max(top, bottom) }
  return frameAround({ left, right: right < left ? right + 1 : right, ...upright }, width, height)
}

/** Decimals of a degree by which views are told: about a metre. */
const digits = 5
const rounded = (degrees: number): number => Number(degrees.toFixed(digits))

/** The view that a frame shows; the whole world is -180 to 180. */
export function viewOf(frame: Frame): View {
  const across = frame.width / frame.scale
  const northWest = unproject({ x: frame.left, y: frame.top })
  const southEast = unproject({ x: frame.left + across, y: frame.top + frame.height / frame.scale })
  const isWorld = across >= 1
  return {
    west: isWorld ? -180 : rounded(northWest.longitude),
    east: isWorld ? 180 : rounded(southEast.longitude),
    north: rounded(northWest.latitude),
    south: rounded(southEast.latitude),
  }
}
