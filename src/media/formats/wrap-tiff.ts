/** 8-bit interleaved RGB or RGBA rows without padding. */
export interface TiffPixels {
  readonly data: Buffer
  readonly width: number
  readonly height: number
  readonly channels: 3 | 4
}

const types = { short: 3, long: 4, undefined: 7 }

/**
 * An uncompressed little-endian TIFF 6.0 of `pixels` that carries the ICC profile they are in (tag 34675).
 * It is how pixels and profile reach libvips, which then converts them to sRGB.
 */
export function wrapTiff({ data, width, height, channels }: TiffPixels, icc: Buffer): Buffer {
  const length = width * height * channels
  const entries: [tag: number, type: number, count: number, value: number][] = [
    [256, types.long, 1, width],
    [257, types.long, 1, height],
    [258, types.short, channels, 0],
    [259, types.short, 1, 1], // no compression
    [262, types.short, 1, 2], // RGB
    [273, types.long, 1, 0],
    [277, types.short, 1, channels],
    [278, types.long, 1, height],
    [279, types.long, 1, length],
  ]
  if (channels === 4) entries.push([338, types.short, 1, 2]) // unassociated alpha
  entries.push([34675, types.undefined, icc.length, 0])

  const bitsAt = 8 + 2 + entries.length * 12 + 4
  const iccAt = bitsAt + channels * 2
  const pixelsAt = iccAt + icc.length + (icc.length % 2)
  const file = Buffer.alloc(pixelsAt + length)

  file.write('II*\0', 0, 'latin1')
  file.writeUInt32LE(8, 4)
  file.writeUInt16LE(entries.length, 8)
  entries.forEach(([tag, type, count, value], index) => {
    const at = 10 + index * 12
    file.writeUInt16LE(tag, at)
    file.writeUInt16LE(type, at + 2)
    file.writeUInt32LE(count, at + 4)
    const offset = tag === 258 ? bitsAt : tag === 273 ? pixelsAt : tag === 34675 ? iccAt : value
    file.writeUInt32LE(offset, at + 8)
  })
  for (let channel = 0; channel < channels; channel += 1) file.writeUInt16LE(8, bitsAt + channel * 2)
  icc.copy(file, iccAt)
  data.copy(file, pixelsAt, 0, length)
  return file
}
