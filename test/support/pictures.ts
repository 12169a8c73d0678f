import sharp from 'sharp'

/** A small JPEG of one colour; each colour gives other bytes. */
export const jpeg = (color = '#3a7', width = 64, height = 48): Promise<Buffer> =>
  sharp({ create: { width, height, channels: 3, background: color } })
    .jpeg()
    .toBuffer()
