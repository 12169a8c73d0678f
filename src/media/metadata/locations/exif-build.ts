/** What of a photo's Exif stays under every policy. */
export interface KeptExif {
  /** Exif orientation 1–8, or null. */
  readonly orientation: number | null
  /** `2026:05:01 18:30:00`, or null. */
  readonly capturedAt: string | null
  /** `+02:00`, or null. */
  readonly offset: string | null
}

/** A TIFF block with nothing but orientation, DateTimeOriginal and OffsetTimeOriginal (Exif 2.32 §4.6.5); null for none. */
export function buildExif(kept: KeptExif): Buffer | null {
  const capturedAt = kept.capturedAt && /^[\d: ]{19}$/.test(kept.capturedAt) ? kept.capturedAt : null
  const offset = capturedAt && kept.offset && /^[+-]\d\d:\d\d$/.test(kept.offset) ? kept.offset : null
  if (kept.orientation === null && !capturedAt) return null
  const main: Buffer[] = []
  if (kept.orientation !== null) main.push(field(0x0112, 3, 1, kept.orientation << 16))
  const dates: Buffer[] = []
  const headBytes = 8
  const mainBytes = 2 + 12 * (main.length + (capturedAt ? 1 : 0)) + 4
  const datesBytes = capturedAt ? 2 + 12 * (offset ? 2 : 1) + 4 : 0
  const texts: Buffer[] = []
  let textAt = headBytes + mainBytes + datesBytes
  const text = (tag: number, value: string) => {
    const bytes = Buffer.from(`${value}\0`, 'latin1')
    dates.push(field(tag, 2, bytes.length, textAt))
    texts.push(bytes)
    textAt += bytes.length
  }
  if (capturedAt) {
    main.push(field(0x8769, 4, 1, headBytes + mainBytes))
    text(0x9003, capturedAt)
    if (offset) text(0x9011, offset)
  }
  const head = Buffer.from([0x4d, 0x4d, 0, 42, 0, 0, 0, 8])
  return Buffer.concat([head, directory(main), ...(capturedAt ? [directory(dates)] : []), ...texts])
}

function field(tag: number, type: number, count: number, value: number): Buffer {
  const bytes = Buffer.alloc(12)
  bytes.writeUInt16BE(tag, 0)
  bytes.writeUInt16BE(type, 2)
  bytes.writeUInt32BE(count, 4)
  bytes.writeUInt32BE(value >>> 0, 8)
  return bytes
}

function directory(fields: readonly Buffer[]): Buffer {
  const count = Buffer.alloc(2)
  count.writeUInt16BE(fields.length)
  return Buffer.concat([count, ...fields, Buffer.alloc(4)])
}
