import { dataFile } from '../data-file.ts'
import { openSections, sectionsHeader } from '../sections.ts'

/** Rings or lines in Web Mercator, the world from 0 to 1, going on past 1 across the date line. */
export interface Shapes {
  /** x and y of each point in turn. */
  readonly points: Float32Array
  /** Where each shape ends, counted in points. */
  readonly ends: Uint32Array
  /** Least x, least y, greatest x, greatest y of each shape. */
  readonly boxes: Float32Array
}

export interface Ground {
  readonly land: Shapes
  readonly borders: Shapes
}

/** Opens Natural Earth's land and borders; answers the level that suits a scale (pixels that the world is wide). */
export async function openGround(): Promise<(scale: number) => Ground> {
  const { section } = await openSections(await dataFile('map'), sectionsHeader)
  const shapes = (name: string): Shapes => ({
    points: new Float32Array(section(`${name}-points`)),
    ends: new Uint32Array(section(`${name}-ends`)),
    boxes: new Float32Array(section(`${name}-boxes`)),
  })
  const level = (name: string): Ground => ({
    land: shapes(`land-${name}`),
    borders: shapes(`borders-${name}`),
  })
  const [far, middle, near] = [level('110m'), level('50m'), level('10m')]
  return (scale) => (scale < 1500 ? far : scale < 8000 ? middle : near)
}
