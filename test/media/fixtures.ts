import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import sharp, { type Sharp } from 'sharp'
import { exiftoolPath } from 'exiftool-vendored'
import { openMediaTools } from '../../src/media/open-media-tools.ts'
import type { MediaLimits, MediaTools } from '../../src/media/types.ts'

const run = promisify(execFile)

export const limits: MediaLimits = {
  maxPixels: 120_000_000,
  maxVideoSeconds: 24 * 3600,
  maxPlayableMinutes: 10,
}

export interface Workshop {
  /** A path in the test's own folder. */
  readonly at: (name: string) => string
  readonly tools: MediaTools
  readonly close: () => Promise<void>
}

/** A folder of its own and media tools for one test file. */
export async function openWorkshop(given: Partial<MediaLimits> = {}): Promise<Workshop> {
  const folder = await mkdtemp(path.join(tmpdir(), 'mayfly-media-'))
  const options = { limits: { ...limits, ...given }, processes: 1, directory: path.join(folder, 'work') }
  const tools = await openMediaTools(options)
  return {
    at: (name) => path.join(folder, name),
    tools,
    async close() {
      await tools.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

export async function ffmpeg(...args: string[]): Promise<void> {
  await run('ffmpeg', ['-nostdin', '-v', 'error', '-y', ...args])
}

export async function heifEncode(...args: string[]): Promise<void> {
  await run('heif-enc', args)
}

export async function exiftool(...args: string[]): Promise<string> {
  const script = await exiftoolPath()
  if (typeof script !== 'string') throw new Error('exiftool was not found')
  return (await run('perl', [script, ...args])).stdout
}

/** What the four corners of the test picture show. */
const corners = {
  red: [230, 40, 30],
  green: [40, 180, 60],
  blue: [40, 60, 200],
  white: [245, 245, 245],
} as const

const pictureSize = { width: 300, height: 200 }

/**
 * Red, green over blue, white: 300 × 200 pixels when it is shown upright, stored as Exif orientation
 * `orientation` wants it.
 */
export function picture(orientation = 1, { width, height } = pictureSize): Sharp {
  const isTurned = orientation >= 5
  const [storedWidth, storedHeight] = isTurned ? [height, width] : [width, height]
  const data = Buffer.alloc(width * height * 3)
  for (let row = 0; row < storedHeight; row += 1) {
    for (let column = 0; column < storedWidth; column += 1) {
      const [x, y] = shownAt(orientation, column, row, width, height)
      const top = y < height / 2
      const left = x < width / 2
      const color = top ? (left ? corners.red : corners.green) : left ? corners.blue : corners.white
      data.set(color, (row * storedWidth + column) * 3)
    }
  }
  return sharp(data, { raw: { width: storedWidth, height: storedHeight, channels: 3 } })
}

/** Where a stored pixel is shown (Exif 2.32, table of tag 274). */
function shownAt(
  orientation: number,
  column: number,
  row: number,
  width: number,
  height: number,
): [x: number, y: number] {
  const right = width - 1
  const bottom = height - 1
  switch (orientation) {
    case 2:
      return [right - column, row]
    case 3:
      return [right - column, bottom - row]
    case 4:
      return [column, bottom - row]
    case 5:
      return [row, column]
    case 6:
      return [right - row, column]
    case 7:
      return [right - row, bottom - column]
    case 8:
      return [row, bottom - column]
    default:
      return [column, row]
  }
}

/** The colour near each corner of an image file, as the file's own pixels say, without any profile. */
async function cornerColors(file: string): Promise<Record<keyof typeof corners, number[]>> {
  const { data, info } = await sharp(file).removeAlpha().raw().toBuffer({ resolveWithObject: true })
  const at = (x: number, y: number): number[] => {
    const start = (Math.floor(y * info.height) * info.width + Math.floor(x * info.width)) * info.channels
    return [...data.subarray(start, start + 3)]
  }
  return { red: at(0.2, 0.2), green: at(0.8, 0.2), blue: at(0.2, 0.8), white: at(0.8, 0.8) }
}

/** The largest difference of a sample between the test picture and what a file shows. */
export async function distance(file: string): Promise<number> {
  const shown = await cornerColors(file)
  return Math.max(
    ...(['red', 'green', 'blue', 'white'] as const).flatMap((corner) =>
      corners[corner].map((sample, channel) => Math.abs(sample - (shown[corner][channel] ?? 255))),
    ),
  )
}
