import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { removeDue } from '../../src/domain/removal/removal.ts'
import { stopSharing } from '../../src/domain/links/stop.ts'
import { objects } from '../../src/domain/records/keys.ts'
import { editLink } from '../../src/domain/links/link-changes.ts'
import { newOwner } from '../../src/domain/owner/owner.ts'
import { makeShare } from '../../src/domain/links/share.ts'
import type { Item } from '../../src/domain/records/records.ts'
import { prepare } from '../../workers/prepare.ts'
import { exiftool, ffmpeg, picture } from '../media/fixtures.ts'
import { upload } from '../domain/sharing.ts'
import { itemOf, keysBelow, openBench, shareFiles, type Bench } from './bench.ts'

let bench: Bench
beforeAll(async () => {
  bench = await openBench()
})
afterAll(() => bench.close())

const tries = { lastTry: false, signal: new AbortController().signal }
const prepareItem = (context: Bench, { owner, id }: Pick<Item, 'owner' | 'id'>) =>
  prepare(context, { kind: 'prepare', owner, item: id }, tries)

async function shared() {
  const { ports } = bench
  const owner = newOwner()
  return {
    owner,
    ...(await makeShare(ports, {
      owner,
      isNewOwner: true,
      album: { title: '', sender: '', description: '' },
      link: { label: '', until: { expiresInDays: 3 }, password: null, metadata: 'no-location' },
      ...(await upload(ports, owner.id, 1)),
    })),
  }
}

describe('preparing', { timeout: 240_000 }, () => {
  it('leaves nothing of an item that is removed meanwhile, when its job fails for that', async () => {
    const { ports, media } = bench
    const { owner, link, items } = await shared()
    const item = items[0]!
    let removed = (): void => {}
    const removal = new Promise<void>((resolve) => (removed = resolve))
    const context: Bench = {
      ...bench,
      media: {
        ...media,
        async render(...args) {
          const rendered = await media.render(...args)
          await stopSharing(ports, { owner: owner.id, link: link.id })
          await removeDue(ports, owner.id)
          removed()
          return rendered
        },
        async clean(...args) {
          await removal
          return media.clean(...args)
        },
      },
    }
    // As the queue does it: once more after a failure.
    await prepareItem(context, item).catch(() => prepareItem(context, item))
    expect(await keysBelow(ports, `${objects.ofItem(item.id)}/`)).toEqual([])
  })

  it('makes the copy that a link asks for while it runs, though the queue should lose that', async () => {
    const { ports, media } = bench
    const { owner, link, items } = await shared()
    const context: Bench = {
      ...bench,
      media: {
        ...media,
        async render(...args) {
          await editLink(ports, owner, link.id, { metadata: 'none' })
          return media.render(...args)
        },
      },
    }
    await prepareItem(context, items[0]!)
    const item = await itemOf(ports, items[0]!)
    expect([item?.copies['no-location']?.state, item?.copies.none?.state]).toEqual(['clean', 'clean'])
  })

  it('leaves nothing of a Live Photo that is removed while it is joined', async () => {
    const { ports, folder } = bench
    const at = (name: string): string => join(folder, name)
    await picture().jpeg().toFile(at('live.jpg'))
    const source = ['-f', 'lavfi', '-i', 'testsrc=size=320x240:rate=10:duration=1']
    await ffmpeg(...source, '-c:v', 'libx264', '-pix_fmt', 'yuv420p', at('live.mov'))
    const date = '2024:05:01 18:30:00'
    await exiftool('-q', '-overwrite_original', `-EXIF:DateTimeOriginal=${date}`, at('live.jpg'))
    await exiftool('-q', '-overwrite_original', `-Keys:CreationDate=${date}`, at('live.mov'))
    const { items, link } = await shareFiles(ports, [
      { name: 'IMG_1.JPG', bytes: await readFile(at('live.jpg')) },
      { name: 'IMG_1.mov', bytes: await readFile(at('live.mov')) },
    ])
    const [still, video] = [items[0]!, items[1]!]
    await prepareItem(bench, still)
    let isRemoved = false
    const context: Bench = {
      ...bench,
      ports: {
        ...ports,
        bucket: {
          ...ports.bucket,
          async put(key, ...rest) {
            if (key === objects.motionOriginal(still.id)) {
              isRemoved = true
              await stopSharing(ports, { owner: still.owner, link: link.id })
              await removeDue(ports, still.owner)
            }
            return ports.bucket.put(key, ...rest)
          },
        },
      },
    }
    await prepareItem(context, video).catch(() => prepareItem(context, video))
    expect(isRemoved).toBe(true)
    expect(await keysBelow(ports, `${objects.ofItem(still.id)}/`)).toEqual([])
    expect(await keysBelow(ports, `${objects.ofItem(video.id)}/`)).toEqual([])
  })
})
