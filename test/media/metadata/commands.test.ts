import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { runClean } from '../../../src/commands/clean.ts'
import { runInspect } from '../../../src/commands/inspect.ts'
import { exiftool, picture } from '../fixtures.ts'
import { openFolder } from './support.ts'

const folder = await openFolder()
const photo = folder.at('photo.jpg')

beforeAll(async () => {
  await picture().jpeg().toFile(photo)
  const tags = ['-GPSLatitude=47.123456', '-GPSLatitudeRef=N', '-EXIF:Artist=Canary Person']
  await exiftool('-q', '-overwrite_original', ...tags, photo)
})

afterAll(() => folder.remove())

/** Runs a command and gathers what it prints. */
async function output(run: () => Promise<number>): Promise<{ status: number; out: string; error: string }> {
  const lines = { log: [] as string[], error: [] as string[] }
  const log = vi.spyOn(console, 'log').mockImplementation((line: string) => void lines.log.push(line))
  const error = vi.spyOn(console, 'error').mockImplementation((line: string) => void lines.error.push(line))
  try {
    const status = await run()
    return { status, out: lines.log.join('\n'), error: lines.error.join('\n') }
  } finally {
    log.mockRestore()
    error.mockRestore()
  }
}

describe('mayfly inspect', () => {
  test('prints location first, then what is personal', async () => {
    const { status, out } = await output(() => runInspect([photo]))
    expect(status).toBe(1)
    expect(out.split('\n')[0]).toMatch(/^location\t.*GPSLatitude.*\t47 7 24\.4416$/)
    expect(out).toMatch(/personal\t.*Artist\tCanary Person/)
  })

  test('says that nothing was found', async () => {
    const plain = folder.at('plain.png')
    await picture().png().toFile(plain)
    expect(await output(() => runInspect([plain]))).toMatchObject({ status: 0 })
  })

  test('a file that is no picture, a file that is not there, no file', async () => {
    await writeFile(folder.at('page.jpg'), '<html><body>not a picture</body></html>')
    const page = await output(() => runInspect([folder.at('page.jpg')]))
    expect(page).toMatchObject({ status: 2, out: '' })
    expect(page.error).toMatch(/^mayfly inspect: not a file that Mayfly knows/)
    expect(await output(() => runInspect([folder.at('nowhere.jpg')]))).toMatchObject({ status: 2 })
    expect((await output(() => runInspect([]))).error).toMatch(/^usage: mayfly inspect FILE/)
  })
})

describe('mayfly clean', () => {
  test('writes a copy that inspect finds no location in', async () => {
    const copy = folder.at('copy.jpg')
    const args = [photo, '--metadata', 'no-location', '-o', copy]
    expect(await output(() => runClean(args))).toMatchObject({ status: 0, out: 'clean' })
    expect((await output(() => runInspect([copy]))).out).not.toMatch(/^location/m)
  })

  test('none leaves nothing personal', async () => {
    const copy = folder.at('bare.jpg')
    await output(() => runClean([photo, '--metadata', 'none', '-o', copy]))
    expect(await output(() => runInspect([copy]))).toMatchObject({ status: 0 })
  })

  test('wrong arguments are told, and write nothing', async () => {
    for (const args of [
      [],
      [photo],
      [photo, '--metadata', 'all', '-o', folder.at('x.jpg')],
      [photo, '--no'],
    ]) {
      const { status, error } = await output(() => runClean(args))
      expect(status).toBe(2)
      expect(error).toMatch(/^usage: mayfly clean FILE/)
    }
    expect(existsSync(folder.at('x.jpg'))).toBe(false)
  })
})
