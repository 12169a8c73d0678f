import { brotliDecompressSync } from 'node:zlib'
import type { ByteRange, ByteSource } from '../bytes/byte-source.ts'
import { buildExif, type KeptExif } from '../locations/exif-build.ts'
import type { FileWriter } from '../bytes/file-writer.ts'
import { withoutGps } from './png.ts'
import { blankXmpLocation } from '../locations/xmp-location.ts'

/** Boxes of the JPEG XL container (ISO/IEC 18181-2) that are the picture. */
const pictureBox = /^(JXL |ftyp|jxll|jxlc|jxlp|jxli|jhgm)$/
const maxMetadataBytes = 16 * 1024 * 1024
const maxBoxes = 100_000

interface JxlBox extends ByteRange {
  readonly type: string
  readonly body: number
}

/** A file that begins with FF 0A is a bare codestream: it has no room for metadata. */
export async function isBareCodestream(source: ByteSource): Promise<boolean> {
  return (await source.read(0, 2)).toString('hex') === 'ff0a'
}

async function* jxlBoxes(source: ByteSource): AsyncGenerator<JxlBox> {
  let offset = 0
  for (let count = 0; offset + 8 <= source.size; count++) {
    if (count > maxBoxes) throw new RangeError('too many JPEG XL boxes')
    const head = await source.read(offset, 16)
    let length = head.readUInt32BE(0)
    let header = 8
    if (length === 1 && head.length === 16) {
      length = Number(head.readBigUInt64BE(8))
      header = 16
    } else if (length === 0) length = source.size - offset
    if (length < header || offset + length > source.size) throw new RangeError('a JPEG XL box is cut short')
    yield { offset, length, type: head.toString('latin1', 4, 8), body: offset + header }
    offset += length
  }
}

/** The parts of a JPEG XL that decide how it looks. */
export async function jxlPicture(source: ByteSource): Promise<ByteRange[]> {
  if (await isBareCodestream(source)) return [{ offset: 0, length: source.size }]
  const ranges: ByteRange[] = []
  for await (const box of jxlBoxes(source)) if (pictureBox.test(box.type)) ranges.push(box)
  return ranges
}

/**
 * `unpacked` writes Brotli boxes plain and keeps everything, so that exiftool can read what it cannot unpack;
 * `without location` blanks it in Exif and XMP; `bare` keeps only what is in `kept`.
 */
export type JxlFilter =
  | { readonly keep: 'unpacked' }
  | { readonly keep: 'without location' }
  | { readonly keep: 'bare'; readonly kept: KeptExif }

/** Writes the JPEG XL again box by box. Returns what else was left out, in plain words. */
export async function filterJxl(
  source: ByteSource,
  writer: FileWriter,
  filter: JxlFilter,
): Promise<string[]> {
  const lost = new Set<string>()
  if (await isBareCodestream(source)) {
    await writer.copy(source, { offset: 0, length: source.size })
    return []
  }
  let written = filter.keep !== 'bare'
  for await (const box of jxlBoxes(source)) {
    if (pictureBox.test(box.type)) {
      if (!written && box.type.startsWith('jxl')) {
        written = true
        const exif = filter.keep === 'bare' ? buildExif({ ...filter.kept, orientation: null }) : null
        if (exif) await writer.write(jxlBox('Exif', Buffer.concat([Buffer.alloc(4), exif])))
      }
      await writer.copy(source, box)
      continue
    }
    if (box.type === 'jbrd') lost.add('the way back to the JPEG that it was made from')
    if (filter.keep === 'bare' || box.offset + box.length - box.body > maxMetadataBytes) continue
    const [type, payload] = unpack(box.type, await source.read(box.body, box.offset + box.length - box.body))
    if (type === 'Exif') await writer.write(jxlBox('Exif', await exifBody(payload)))
    else if (type === 'xml ') await writer.write(jxlBox('xml ', xmpBody(payload)))
    else if (filter.keep === 'unpacked' && type !== 'jbrd') await writer.write(jxlBox(type, payload))
  }
  return [...lost]

  /** An Exif box begins with the offset of its TIFF header. */
  async function exifBody(payload: Buffer): Promise<Buffer> {
    if (filter.keep === 'unpacked' || payload.length < 12) return payload
    const start = 4 + payload.readUInt32BE(0)
    return Buffer.concat([payload.subarray(0, start), await withoutGps(payload.subarray(start))])
  }

  function xmpBody(payload: Buffer): Buffer {
    if (filter.keep === 'unpacked') return payload
    return Buffer.from(blankXmpLocation(payload.toString('latin1')), 'latin1')
  }
}

/** A `brob` box holds another one, compressed by Brotli; throws where it does not unpack within bounds. */
function unpack(type: string, payload: Buffer): [type: string, payload: Buffer] {
  if (type !== 'brob') return [type, Buffer.from(payload)]
  const inner = payload.toString('latin1', 0, 4)
  return [inner, brotliDecompressSync(payload.subarray(4), { maxOutputLength: maxMetadataBytes })]
}

function jxlBox(type: string, body: Buffer): Buffer {
  const header = Buffer.alloc(8)
  header.writeUInt32BE(body.length + 8, 0)
  header.write(type, 4, 'latin1')
  return Buffer.concat([header, body])
}
