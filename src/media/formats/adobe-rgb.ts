/**
 * Whether a JPEG is in Adobe RGB without a profile: Exif's interoperability directory says `R03` (DCF 2.0, 4.5.3),
 * which is all that most cameras write.
 */
export function isAdobeRgb(metadata: {
  readonly format?: string | undefined
  readonly exif?: Buffer | undefined
  readonly icc?: Buffer | undefined
}): boolean {
  if (metadata.format !== 'jpeg' || metadata.icc || !metadata.exif) return false
  const tiff = metadata.exif.subarray(metadata.exif.toString('latin1', 0, 4) === 'Exif' ? 6 : 0)
  try {
    return interoperability(tiff) === 'R03'
  } catch (error) {
    if (error instanceof RangeError) return false // cut off: then nothing is known
    throw error
  }
}

function interoperability(tiff: Buffer): string | null {
  const littleEndian = tiff.toString('latin1', 0, 2) === 'II'
  const short = (at: number) => (littleEndian ? tiff.readUInt16LE(at) : tiff.readUInt16BE(at))
  const long = (at: number) => (littleEndian ? tiff.readUInt32LE(at) : tiff.readUInt32BE(at))
  const entry = (directory: number, tag: number): number | null => {
    const count = short(directory)
    for (let index = 0; index < count; index += 1) {
      const at = directory + 2 + index * 12
      if (short(at) === tag) return at
    }
    return null
  }
  const exif = entry(long(4), 0x8769)
  const pointer = exif === null ? null : entry(long(exif + 8), 0xa005)
  const index = pointer === null ? null : entry(long(pointer + 8), 1)
  return index === null ? null : tiff.toString('latin1', index + 8, index + 11)
}
