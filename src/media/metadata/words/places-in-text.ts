/** A part of a text, by its UTF-16 offsets. */
export interface TextSpan {
  readonly start: number
  readonly end: number
}

/** Where `text` tells of a position, in file order; spans do not touch. Linear in the length of the text. */
export function placesIn(text: string): TextSpan[] {
  const spans: TextSpan[] = []
  for (const match of text.matchAll(/[+-]?\d{1,3}\.\d{3,}\s{0,3}[,;/ +-]\s{0,3}[+-]?\d{1,3}\.\d{3,}/g)) {
    spans.push({ start: match.index, end: match.index + match[0].length })
  }
  return spans
}

/** `text` without the positions that it tells of: for names, titles and descriptions. */
export function withoutPlaces(text: string): string {
  let kept = ''
  let from = 0
  for (const { start, end } of placesIn(text)) {
    kept += text.slice(from, start)
    from = end
  }
  return from === 0 ? text : (kept + text.slice(from)).replace(/[ \t]{2,}/g, ' ').trim()
}

/**
 * The text in `bytes` with spaces where it tells of a position, as long as before, so that it can take its own place
 * in a file; null where it tells of none.
 */
export function blankPlaces(bytes: Buffer, encoding: 'utf8' | 'utf16le' = 'utf8'): Buffer | null {
  // Bytes that are not UTF-8 are read one by one, so that nothing hides between them.
  const isUtf8 = encoding === 'utf8' && bytes.equals(Buffer.from(bytes.toString('utf8')))
  const read = encoding === 'utf8' ? (isUtf8 ? 'utf8' : 'latin1') : encoding
  const text = bytes.toString(read)
  const spans = placesIn(text)
  if (spans.length === 0) return null
  const pieces: Buffer[] = []
  let from = 0
  for (const { start, end } of spans) {
    pieces.push(Buffer.from(text.slice(from, start), read))
    const length = Buffer.byteLength(text.slice(start, end), read)
    pieces.push(read === 'utf16le' ? Buffer.from(' '.repeat(length / 2), read) : Buffer.alloc(length, ' '))
    from = end
  }
  pieces.push(Buffer.from(text.slice(from), read))
  return Buffer.concat(pieces)
}
