import type { Format, MediaKind, MediaType } from '../types.ts'

const type = <F extends Format>(
  format: F,
  kind: MediaKind,
  mime: string,
  extension: string = format,
): MediaType => Object.freeze({ format, kind, mime, extension })

/** What each accepted format is called. MIME types are IANA's where it has one. */
export const mediaTypes: Readonly<Record<Format, MediaType>> = {
  jpeg: type('jpeg', 'photo', 'image/jpeg', 'jpg'),
  heic: type('heic', 'photo', 'image/heic'),
  avif: type('avif', 'photo', 'image/avif'),
  png: type('png', 'photo', 'image/png'),
  webp: type('webp', 'photo', 'image/webp'),
  gif: type('gif', 'photo', 'image/gif'),
  tiff: type('tiff', 'photo', 'image/tiff', 'tif'),
  jxl: type('jxl', 'photo', 'image/jxl'),
  dng: type('dng', 'photo', 'image/x-adobe-dng'),
  cr2: type('cr2', 'photo', 'image/x-canon-cr2'),
  cr3: type('cr3', 'photo', 'image/x-canon-cr3'),
  nef: type('nef', 'photo', 'image/x-nikon-nef'),
  arw: type('arw', 'photo', 'image/x-sony-arw'),
  raf: type('raf', 'photo', 'image/x-fuji-raf'),
  rw2: type('rw2', 'photo', 'image/x-panasonic-rw2'),
  orf: type('orf', 'photo', 'image/x-olympus-orf'),
  mp4: type('mp4', 'video', 'video/mp4'),
  mov: type('mov', 'video', 'video/quicktime'),
  m4v: type('m4v', 'video', 'video/x-m4v'),
  '3gp': type('3gp', 'video', 'video/3gpp'),
  mkv: type('mkv', 'video', 'video/matroska'),
  webm: type('webm', 'video', 'video/webm'),
  avi: type('avi', 'video', 'video/vnd.avi'),
  mts: type('mts', 'video', 'video/mp2t'),
}

/** The accepted formats in words for a person, as a 415 answer lists them. */
export const acceptedFormatsText =
  'Photos: JPEG, HEIC, HIF, AVIF, PNG, APNG, WebP, GIF, TIFF, JPEG XL, ' +
  'DNG, CR2, CR3, NEF, ARW, RAF, RW2, ORF. ' +
  'Videos: MP4, MOV, M4V, 3GP, MKV, WebM, AVI, MTS.'
