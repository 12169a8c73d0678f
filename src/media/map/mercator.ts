/** Where Web Mercator's square ends, in degrees (EPSG:3857). */
export const northmost = 85.0511287798066

/** A point of the world's square: x and y from 0 to 1, y downwards; x goes on past 1 (or below 0) across the date line. */
export interface Point {
  readonly x: number
  readonly y: number
}

/** Web Mercator of degrees; latitudes beyond the square's end lie on it. */
export function project(latitude: number, longitude: number): Point {
  const sine = Math.sin((Math.min(Math.max(latitude, -northmost), northmost) * Math.PI) / 180)
  return { x: longitude / 360 + 0.5, y: 0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI) }
}

/** Degrees of a point of the square; the longitude between -180 and 180. */
export function unproject({ x, y }: Point): { latitude: number; longitude: number } {
  const latitude = (Math.atan(Math.sinh(Math.PI * (1 - 2 * y))) * 180) / Math.PI
  return { latitude, longitude: (x - Math.floor(x) - 0.5) * 360 }
}
