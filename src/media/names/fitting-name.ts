import { safeName } from './names.ts'
import type { Format, MediaType } from '../types.ts'

/** What is played as the same kind of file (ISO/IEC 14496-12, QuickTime) and named by whoever made it. */
const films = ['mp4', 'mov', 'm4v', '3gp', '3gpp', '3g2', 'qt', 'lrv', 'insv', '360']

/** Extensions that files of a format bear, in small letters. */
const extensions: Readonly<Record<Format, readonly string[]>> = {
  jpeg: ['jpg', 'jpeg', 'jpe', 'jfif', 'jif', 'mpo', 'insp'],
  heic: ['heic', 'heif', 'hif', 'heics', 'heifs'],
  avif: ['avif', 'avifs'],
  png: ['png', 'apng'],
  webp: ['webp'],
  gif: ['gif'],
  tiff: ['tif', 'tiff'],
  jxl: ['jxl'],
  dng: ['dng'],
  cr2: ['cr2'],
  cr3: ['cr3'],
  nef: ['nef', 'nrw'],
  arw: ['arw', 'sr2', 'srf'],
  raf: ['raf'],
  rw2: ['rw2'],
  orf: ['orf'],
  mp4: films,
  mov: films,
  m4v: films,
  '3gp': films,
  mkv: ['mkv', 'mk3d', 'webm'],
  webm: ['webm', 'mkv'],
  avi: ['avi'],
  mts: ['mts', 'm2ts', 'm2t', 'ts', 'mpg', 'mpeg', 'tod', 'mod'],
}

const known = new Set(Object.values(extensions).flat())

/**
 * A name whose extension is one of its content's, however it was called: one of another photo's or film's gives way
 * (`a.heic` of a JPEG becomes `a.jpg`), any other stays in the name (`page.html` becomes `page.html.jpg`).
 */
export function fittingName(name: string, { format, extension }: MediaType): string {
  const dot = name.lastIndexOf('.')
  const given = dot > 0 ? name.slice(dot + 1).toLowerCase() : ''
  if (extensions[format].includes(given)) return name
  return safeName(`${known.has(given) ? name.slice(0, dot) : name}.${extension}`)
}
