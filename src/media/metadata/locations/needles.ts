import { type ByteRange, type ByteSource, windows } from '../bytes/byte-source.ts'
import { iso6709 } from '../bytes/kept-tags.ts'

/**
 * What a source's coordinates look like in bytes: the GPS rationals as written, and the decimal texts that XMP,
 * QuickTime and makers write, down to three decimals (about 100 m).
 */
export function needlesFor(secrets: readonly Buffer[], coordinates: readonly string[]): Buffer[] {
  const texts = new Set<string>()
  for (const coordinate of coordinates) {
    const degrees = Number(coordinate)
    if (!Number.isFinite(degrees) || degrees === 0 || degrees > 180) continue
    const decimal = /^(\d{1,3})\.(\d{3,})/.exec(degrees.toFixed(Math.min(10, decimalsOf(coordinate))))
    if (decimal && decimalsOf(coordinate) >= 3) {
      const [, whole = '', fraction = ''] = decimal
      texts.add(`${whole}.${fraction.slice(0, 4)}`)
      if (whole.length < 3) texts.add(`${whole.padStart(3, '0')}.${fraction.slice(0, 4)}`)
    }
    // XMP writes degrees and decimal minutes: `47,0.780167N` (XMP part 2, GPSCoordinate).
    const minutes = (degrees - Math.floor(degrees)) * 60
    if (minutes > 0) texts.add(`${Math.floor(degrees)},${truncated(minutes, 3)}`)
  }
  const needles = [...texts].filter((text) => text.length >= 6).map((text) => Buffer.from(text, 'latin1'))
  const raw = new Map(secrets.map((secret) => [secret.toString('hex'), secret]))
  return [...raw.values(), ...needles, ...needles.map(asUtf16)].slice(0, maxNeedles)
}

const maxNeedles = 64

function decimalsOf(text: string): number {
  return text.split('.')[1]?.length ?? 0
}

function truncated(value: number, decimals: number): string {
  const factor = 10 ** decimals
  return (Math.floor(value * factor + 1e-6) / factor).toFixed(decimals)
}

function asUtf16(text: Buffer): Buffer {
  return Buffer.from(text.toString('latin1'), 'utf16le')
}

/** The first place in `ranges` where a needle, or any ISO 6709 position, stands; null for none. */
export async function findNeedle(
  source: ByteSource,
  ranges: readonly ByteRange[],
  needles: readonly Buffer[],
): Promise<{ readonly offset: number; readonly what: string } | null> {
  for (const range of ranges) {
    for await (const window of windows(source, range)) {
      for (const needle of needles) {
        const at = window.bytes.indexOf(needle)
        if (at >= 0) return { offset: window.offset + at, what: 'the coordinates of the original' }
      }
      const position = iso6709In(window.bytes)
      if (position) return { offset: window.offset + position.at, what: `the position ${position.text}` }
    }
  }
  return null
}

/** A position written as ISO 6709; one of zeros (`+0.00000+0.00000`) says nothing. */
export function iso6709In(bytes: Buffer): { readonly at: number; readonly text: string } | null {
  const pattern = new RegExp(iso6709.source, 'g')
  const text = bytes.toString('latin1')
  for (let match = pattern.exec(text); match; match = pattern.exec(text)) {
    if (/[1-9]/.test(match[0])) return { at: match.index, text: match[0] }
  }
  return null
}
