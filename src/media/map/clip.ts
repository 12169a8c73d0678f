/** A rectangle in pixels. */
export interface Rectangle {
  readonly left: number
  readonly top: number
  readonly right: number
  readonly bottom: number
}

/** x and y of each point in turn. */
export type Points = readonly number[]

/** One edge of a rectangle: the coordinate that it bounds (0: x, 1: y), and what is inside. */
interface Edge {
  readonly axis: 0 | 1
  readonly at: number
  readonly keepsGreater: boolean
}

const edgesOf = ({ left, top, right, bottom }: Rectangle): Edge[] => [
  { axis: 0, at: left, keepsGreater: true },
  { axis: 0, at: right, keepsGreater: false },
  { axis: 1, at: top, keepsGreater: true },
  { axis: 1, at: bottom, keepsGreater: false },
]

const isInside = ({ axis, at, keepsGreater }: Edge, points: Points, index: number): boolean => {
  const coordinate = points[index + axis] ?? 0
  return keepsGreater ? coordinate >= at : coordinate <= at
}

/** Adds to `into` where the line between two points meets an edge. */
function addMeeting({ axis, at }: Edge, points: Points, from: number, to: number, into: number[]): void {
  const other = 1 - axis
  const [a, b] = [points[from + axis] ?? 0, points[to + axis] ?? 0]
  const [c, d] = [points[from + other] ?? 0, points[to + other] ?? 0]
  const across = c + ((d - c) * (at - a)) / (b - a)
  if (axis === 0) into.push(at, across)
  else into.push(across, at)
}

/**
 * The part of a ring inside a rectangle, in the plane (Sutherland and Hodgman, 1974). Where the ring leaves the
 * rectangle it runs along its edge, so that the area is right. Empty where nothing is inside.
 */
export function clipRing(ring: Points, rectangle: Rectangle): Points {
  let points = ring
  for (const edge of edgesOf(rectangle)) {
    const kept: number[] = []
    for (let index = 0; index < points.length; index += 2) {
      const before = index === 0 ? points.length - 2 : index - 2
      const [wasInside, isIn] = [isInside(edge, points, before), isInside(edge, points, index)]
      if (wasInside !== isIn) addMeeting(edge, points, before, index, kept)
      if (isIn) kept.push(points[index] ?? 0, points[index + 1] ?? 0)
    }
    points = kept
  }
  return points
}

/** The parts of a line inside a rectangle. */
export function clipLine(line: Points, rectangle: Rectangle): Points[] {
  let parts: Points[] = [line]
  for (const edge of edgesOf(rectangle)) parts = parts.flatMap((part) => cutLine(part, edge))
  return parts
}

function cutLine(line: Points, edge: Edge): Points[] {
  const parts: number[][] = []
  let part: number[] = []
  for (let index = 0; index < line.length; index += 2) {
    const isIn = isInside(edge, line, index)
    const wasInside = index > 0 && isInside(edge, line, index - 2)
    if (index > 0 && isIn !== wasInside) addMeeting(edge, line, index - 2, index, part)
    if (isIn) part.push(line[index] ?? 0, line[index + 1] ?? 0)
    else if (part.length > 0) {
      parts.push(part)
      part = []
    }
  }
  if (part.length > 0) parts.push(part)
  return parts
}
