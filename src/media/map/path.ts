import { clipLine, clipRing, type Points, type Rectangle } from './clip.ts'
import type { Frame } from './frame.ts'
import type { Shapes } from './ground.ts'

/** Drawn units for a pixel: paths are whole numbers of halves, which is short and fine enough. */
export const unitsPerPixel = 2
/** Pixels drawn past the edge of the frame, so that no outline shows there. */
const beyond = 4
/** Rings that are smaller than this many pixels both ways are not drawn. */
const leastSize = 0.75

/** The `d` of an SVG path of all rings that a frame shows, in units of half a pixel. Empty where it shows none. */
export function pathOfRings(shapes: Shapes, frame: Frame): string {
  const parts: string[] = []
  forEachVisible(shapes, frame, (points, rectangle, size) => {
    if (size < leastSize * unitsPerPixel) return
    parts.push(path(clipRing(points, rectangle), 3, 'z'))
  })
  return parts.join('')
}

/** The same of lines. */
export function pathOfLines(shapes: Shapes, frame: Frame): string {
  const parts: string[] = []
  forEachVisible(shapes, frame, (points, rectangle) => {
    for (const line of clipLine(points, rectangle)) parts.push(path(line, 2, ''))
  })
  return parts.join('')
}

/** Calls `draw` with each shape that a frame may show, once for each turn of the world in which it does. */
function forEachVisible(
  { points, ends, boxes }: Shapes,
  { left, top, scale, width, height }: Frame,
  draw: (points: Points, rectangle: Rectangle, size: number) => void,
): void {
  const units = scale * unitsPerPixel
  const edge = beyond * unitsPerPixel
  const rectangle: Rectangle = {
    left: -edge,
    top: -edge,
    right: width * unitsPerPixel + edge,
    bottom: height * unitsPerPixel + edge,
  }
  const past = beyond / scale
  const [right, bottom] = [left + width / scale + past, top + height / scale + past]
  for (let shape = 0; shape < ends.length; shape++) {
    const [minX = 0, minY = 0, maxX = 0, maxY = 0] = boxes.subarray(shape * 4, shape * 4 + 4)
    if (maxY < top - past || minY > bottom) continue
    for (let turn = Math.ceil(left - past - maxX); minX + turn <= right; turn++) {
      const from = shape === 0 ? 0 : (ends[shape - 1] ?? 0)
      const drawn = inUnits(points, from, ends[shape] ?? 0, (x) => (x + turn - left) * units, top, units)
      draw(drawn, rectangle, Math.max(maxX - minX, maxY - minY) * units)
    }
  }
}

/** Points in whole units, without those that fall on the one before. */
function inUnits(
  points: Float32Array,
  from: number,
  to: number,
  across: (x: number) => number,
  top: number,
  units: number,
): number[] {
  const drawn: number[] = []
  let [lastX, lastY] = [NaN, NaN]
  for (let index = from; index < to; index++) {
    const x = Math.round(across(points[index * 2] ?? 0))
    const y = Math.round(((points[index * 2 + 1] ?? 0) - top) * units)
    // Less than a pixel from the last one: left out, but for the last of all.
    if (Math.abs(x - lastX) + Math.abs(y - lastY) < unitsPerPixel && index < to - 1) continue
    drawn.push(x, y)
    lastX = x
    lastY = y
  }
  return drawn
}

/** `M10 20l3-4…`: relative whole numbers. Empty where fewer than `least` points differ. */
function path(points: Points, least: number, end: string): string {
  let text = ''
  let count = 0
  let [lastX, lastY] = [NaN, NaN]
  for (let index = 0; index < points.length; index += 2) {
    const x = Math.round(points[index] ?? 0)
    const y = Math.round(points[index + 1] ?? 0)
    if (x === lastX && y === lastY) continue
    if (count === 0) text = `M${x} ${y}l`
    else text += `${count > 1 && x >= lastX ? ' ' : ''}${x - lastX}${y >= lastY ? ' ' : ''}${y - lastY}`
    lastX = x
    lastY = y
    count++
  }
  return count < least ? '' : text + end
}
