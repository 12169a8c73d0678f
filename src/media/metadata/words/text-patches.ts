import { type ByteRange, type ByteSource, windows } from '../bytes/byte-source.ts'
import { type Patch, shortValue } from '../bytes/patch.ts'
import { blankPlaces } from './places-in-text.ts'

/** Text in ASCII or UTF-8, with the signs of degrees that Latin-1 has. */
const narrow = String.raw`(?:[\t\n\r\x20-\x7e\xb0\xb4\xba]|[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2})`
/** The same in UTF-16; what is not Latin are signs of minutes and seconds. */
const wide = String.raw`[\t\n\r\x20-\x7e\xb0\xb4\xba]`

/** The shortest positions have ten signs. Coded pictures and sound hold such runs by chance, so that more is asked of text among them. */
const runs = {
  metadata: texts(10),
  coded: texts(12),
} as const

function texts(length: number) {
  return [
    [new RegExp(`${narrow}{${length},}`, 'g'), 'utf8'],
    [new RegExp(`(?:${wide}\\0|[\\x18-\\x1d2-6] ){${length},}`, 'g'), 'utf16le'],
    [new RegExp(`(?:\\0${wide}| [\\x18-\\x1d2-6]){${length},}`, 'g'), 'utf16be'],
  ] as const
}

/** Fewer digits say nothing in coded data, but in a text that is too long to stand there by chance. */
const fewestDigits = 6
const longText = 20

/**
 * Finds positions that are written as text anywhere in `ranges`, in ASCII, UTF-8, Latin-1 or UTF-16, whatever the
 * format around them. The patches put spaces in their place. `among`: whether pictures or sound stand there too.
 */
export async function findTextPlaces(
  source: ByteSource,
  ranges: readonly ByteRange[],
  among: keyof typeof runs = 'metadata',
): Promise<Patch[]> {
  const patches: Patch[] = []
  for (const range of ranges) {
    for await (const { bytes, offset, fresh } of windows(source, range)) {
      const text = bytes.toString('latin1')
      for (const [run, encoding] of runs[among]) {
        for (const match of text.matchAll(run)) {
          if (!/\d|\/\/|w3w|what3/.test(match[0])) continue
          const before = bytes.subarray(match.index, match.index + match[0].length)
          const after = blankPlaces(before, encoding)
          if (after) patches.push(...changes(before, after, offset + match.index, offset + fresh, among))
        }
      }
    }
  }
  return patches
}

/** A patch for each part that differs. What begins at or after `end` comes again in the next window. */
function changes(
  before: Buffer,
  after: Buffer,
  offset: number,
  end: number,
  among: keyof typeof runs,
): Patch[] {
  const patches: Patch[] = []
  for (let at = 0; at < before.length; at += 1) {
    if (before[at] === after[at]) continue
    const start = at
    // Spaces inside a position do not differ.
    for (let same = 0; at < before.length && same < 4; at += 1) same = before[at] === after[at] ? same + 1 : 0
    const value = before.toString('latin1', start, at)
    if (offset + start >= end) break
    const isTelling = before.length >= longText || (value.match(/\d/g) ?? []).length >= fewestDigits
    if (among === 'coded' && !isTelling) continue
    patches.push({
      offset: offset + start,
      length: at - start,
      bytes: Buffer.from(after.subarray(start, at)),
      finding: { kind: 'location', where: `text at ${offset + start}`, value: shortValue(value) },
      secrets: [],
    })
  }
  return patches
}
