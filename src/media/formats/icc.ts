import type { HeifPicture } from './heif.ts'

/** CIE xy of red, green, blue; white is D65 in all of them. */
interface Primaries {
  readonly red: readonly [number, number]
  readonly green: readonly [number, number]
  readonly blue: readonly [number, number]
}

const bt709: Primaries = { red: [0.64, 0.33], green: [0.3, 0.6], blue: [0.15, 0.06] }
const p3: Primaries = { red: [0.68, 0.32], green: [0.265, 0.69], blue: [0.15, 0.06] }
const bt2020: Primaries = { red: [0.708, 0.292], green: [0.17, 0.797], blue: [0.131, 0.046] }
const adobe: Primaries = { red: [0.64, 0.33], green: [0.21, 0.71], blue: [0.15, 0.06] }

type Curve = (encoded: number) => number

const srgb: Curve = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)

/** HLG (BT.2100) at a nominal display, its diffuse white (75 %) brought to sRGB's white by a soft shoulder. */
const hlg: Curve = (v) => {
  const scene = v <= 0.5 ? (v * v) / 3 : (Math.exp((v - 0.55991073) / 0.17883277) + 0.28466892) / 12
  return shoulder(scene ** 1.2 / 0.203)
}

/** PQ (SMPTE ST 2084) in units of its diffuse white (203 cd/m²), with the same shoulder. */
const pq: Curve = (v) => {
  const power = v ** (1 / 78.84375)
  const light = (Math.max(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)) ** (1 / 0.1593017578125)
  return shoulder((light * 10_000) / 203)
}

/** Straight up to 0.6, then bent so that everything brighter still fits below 1. */
function shoulder(value: number): number {
  const knee = 0.6
  if (value <= knee) return value
  const over = (value - knee) / (1 - knee)
  return knee + (1 - knee) * (over / (1 + over))
}

/** The profile that a HEIF's pixels are in: its own, or one made of its code points. Null where that is sRGB. */
export function profileOf(picture: Pick<HeifPicture, 'icc' | 'nclx'>): Buffer | null {
  if (picture.icc) return picture.icc
  if (!picture.nclx) return null
  // Code points of ITU-T H.273.
  const primaries = { 9: bt2020, 11: p3, 12: p3 }[picture.nclx.primaries] ?? bt709
  const curve = { 16: pq, 18: hlg }[picture.nclx.transfer] ?? srgb
  return primaries === bt709 && curve === srgb ? null : makeProfile(primaries, curve)
}

/** Adobe RGB (1998), which cameras name by Exif's interoperability index R03 instead of carrying a profile. */
export function adobeRgbProfile(): Buffer {
  return makeProfile(adobe, (v) => v ** (563 / 256))
}

/** A display profile of ICC.1:2001 (version 2.4): a matrix to D50 and one curve for all three colours. */
function makeProfile(primaries: Primaries, curve: Curve): Buffer {
  const [red, green, blue] = colorants(primaries)
  const points = 1024
  const trc = Buffer.alloc(12 + points * 2)
  trc.write('curv', 0, 'latin1')
  trc.writeUInt32BE(points, 8)
  for (let index = 0; index < points; index += 1) {
    const value = Math.min(1, Math.max(0, curve(index / (points - 1))))
    trc.writeUInt16BE(Math.round(value * 65535), 12 + index * 2)
  }
  const description = Buffer.alloc(12 + 8 + 78)
  description.write('desc', 0, 'latin1')
  description.writeUInt32BE(8, 8)
  description.write('Mayfly\0\0', 12, 'latin1')
  const copyright = Buffer.from('text\0\0\0\0CC0\0', 'latin1')

  const data: [tags: string[], bytes: Buffer][] = [
    [['desc'], description],
    [['cprt'], copyright],
    [['wtpt'], xyz([0.9642, 1, 0.8249])],
    [['rXYZ'], xyz(red)],
    [['gXYZ'], xyz(green)],
    [['bXYZ'], xyz(blue)],
    [['rTRC', 'gTRC', 'bTRC'], trc],
  ]
  const tagCount = data.reduce((sum, [tags]) => sum + tags.length, 0)
  const table = Buffer.alloc(4 + tagCount * 12)
  table.writeUInt32BE(tagCount, 0)
  const blocks: Buffer[] = []
  let offset = 128 + table.length
  let entry = 4
  for (const [tags, bytes] of data) {
    for (const tag of tags) {
      table.write(tag, entry, 'latin1')
      table.writeUInt32BE(offset, entry + 4)
      table.writeUInt32BE(bytes.length, entry + 8)
      entry += 12
    }
    const padded = Buffer.alloc(Math.ceil(bytes.length / 4) * 4)
    bytes.copy(padded)
    blocks.push(padded)
    offset += padded.length
  }
  const header = Buffer.alloc(128)
  header.writeUInt32BE(offset, 0)
  header.writeUInt32BE(0x02400000, 8)
  header.write('mntrRGB XYZ ', 12, 'latin1')
  header.write('acsp', 36, 'latin1')
  ;[0.9642, 1, 0.8249].forEach((value, index) => header.writeInt32BE(fixed(value), 68 + index * 4))
  return Buffer.concat([header, table, ...blocks])
}

type Triple = readonly [number, number, number]

const fixed = (value: number): number => Math.round(value * 65536)

function xyz(values: Triple): Buffer {
  const bytes = Buffer.alloc(20)
  bytes.write('XYZ ', 0, 'latin1')
  values.forEach((value, index) => bytes.writeInt32BE(fixed(value), 8 + index * 4))
  return bytes
}

/** The primaries as XYZ that add up to D65, adapted to the D50 of the profile connection space (Bradford). */
function colorants({ red, green, blue }: Primaries): [Triple, Triple, Triple] {
  const raw = [red, green, blue].map(([x, y]): Triple => [x / y, 1, (1 - x - y) / y])
  const [r, g, b] = raw
  if (!r || !g || !b) throw new TypeError('three primaries are needed')
  const white: Triple = [0.95047, 1, 1.08883]
  const determinant = (p: Triple, q: Triple, s: Triple): number =>
    p[0] * (q[1] * s[2] - q[2] * s[1]) -
    q[0] * (p[1] * s[2] - p[2] * s[1]) +
    s[0] * (p[1] * q[2] - p[2] * q[1])
  const all = determinant(r, g, b)
  const scale = (column: Triple, factor: number): Triple => toD50(column.map((v) => v * factor))
  return [
    scale(r, determinant(white, g, b) / all),
    scale(g, determinant(r, white, b) / all),
    scale(b, determinant(r, g, white) / all),
  ]
}

function toD50(values: readonly number[]): Triple {
  const [x = 0, y = 0, z = 0] = values
  return [
    1.0478112 * x + 0.0228866 * y - 0.050127 * z,
    0.0295424 * x + 0.9904844 * y - 0.0170491 * z,
    -0.0092345 * x + 0.0150436 * y + 0.7521316 * z,
  ]
}
