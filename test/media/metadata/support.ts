import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createHash } from 'node:crypto'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import type { ExifTool } from 'exiftool-vendored'
import sharp from 'sharp'
import type { MediaType } from '../../../src/media/types.ts'

const run = promisify(execFile)

export interface Folder {
  readonly at: (name: string) => string
  readonly remove: () => Promise<void>
}

export async function openFolder(): Promise<Folder> {
  const folder = await mkdtemp(path.join(tmpdir(), 'mayfly-metadata-'))
  return { at: (name) => path.join(folder, name), remove: () => rm(folder, { recursive: true, force: true }) }
}

const bySharp = new Set(['jpeg', 'png', 'webp', 'gif', 'tiff', 'avif'])

/**
 * What a file shows, decoded: pixels of every frame for stills, decoded frames and sound for films. Raws and HEIC
 * (whose decoder takes seconds) by exiftool's hash of the image data; APNG and JPEG XL by ffmpeg.
 */
export async function picturesOf(file: string, type: MediaType, exiftool: ExifTool): Promise<unknown> {
  if (type.kind === 'video') return decodedByFfmpeg(file, ['-map', '0:v?', '-map', '0:a?'])
  if (type.format === 'jxl') return decodedByFfmpeg(file, ['-map', '0:v'])
  if (bySharp.has(type.format)) {
    const options = { animated: type.format === 'webp' || type.format === 'gif', failOn: 'none' as const }
    const { data, info } = await sharp(file, { ...options, limitInputPixels: false })
      .raw({ depth: 'ushort' })
      .toBuffer({ resolveWithObject: true })
    const { width, height, channels } = info
    const moving = type.format === 'png' ? await decodedByFfmpeg(file, ['-map', '0:v']) : null
    return { width, height, channels, hash: createHash('sha1').update(data).digest('hex'), moving }
  }
  const args = ['-api', 'ImageHashType=MD5', '-ImageDataHash']
  const { ImageDataHash } = { ...(await exiftool.readRaw(file, { readArgs: args, useMWG: false })) }
  return ImageDataHash ?? null
}

async function decodedByFfmpeg(file: string, streams: readonly string[]): Promise<string> {
  const args = ['-nostdin', '-v', 'quiet', '-i', file, ...streams, '-f', 'streamhash', '-hash', 'md5', '-']
  return (await run('ffmpeg', args)).stdout
}
