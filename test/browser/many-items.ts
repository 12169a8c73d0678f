import { Readable } from 'node:stream'
import { crc32 } from 'node:zlib'
import sharp, { type Sharp } from 'sharp'
import { rgbaToThumbHash } from 'thumbhash'
import { addItems } from '../../src/domain/albums/album.ts'
import { unknownFacts, updateItem } from '../../src/domain/items/item.ts'
import { objects } from '../../src/domain/records/keys.ts'
import { newOwner } from '../../src/domain/owner/owner.ts'
import type { Rendition, StoredObject } from '../../src/domain/records/records.ts'
import { makeShare } from '../../src/domain/links/share.ts'
import { randomToken } from '../../src/domain/records/tokens.ts'
import { beginUpload } from '../../src/domain/records/limits/reservation.ts'
import type { Ports } from '../../src/ports.ts'
import { landscape } from './demo-pictures.ts'

interface Picture {
  readonly small: { data: Buffer; width: number; height: number }
  readonly thumb: { data: Buffer; width: number; height: number }
  readonly preview: { data: Buffer; width: number; height: number }
  readonly thumbhash: string
}

/** A picture with as much fine detail as a photograph has, so that its thumbnail weighs what one's does: some 16 kB. */
async function picture(seed: number): Promise<Picture> {
  const plain = await landscape(seed, new Date())
  const { width = 1, height = 1 } = await sharp(plain).metadata()
  const noise = await sharp({
    create: {
      width,
      height,
      channels: 3,
      background: '#808080',
      noise: { type: 'gaussian', mean: 128, sigma: 128 },
    },
  })
    .blur(4)
    .linear(2.5, -192)
    .png({ compressionLevel: 0 })
    .toBuffer()
  const detailed = await sharp(plain)
    .composite([{ input: noise, blend: 'overlay' }])
    .png()
    .toBuffer()
  const encode = async (image: Sharp) => {
    const { data, info } = await image.toBuffer({ resolveWithObject: true })
    return { data, width: info.width, height: info.height }
  }
  const tiny = await sharp(detailed)
    .resize(100, 100, { fit: 'inside' })
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true })
  return {
    small: await encode(sharp(detailed).resize(240, 240, { fit: 'inside' }).webp({ quality: 70, effort: 3 })),
    thumb: await encode(sharp(detailed).resize(480, 480, { fit: 'inside' }).webp({ quality: 75, effort: 3 })),
    preview: await encode(sharp(detailed).jpeg({ quality: 82 })),
    thumbhash: Buffer.from(rgbaToThumbHash(tiny.info.width, tiny.info.height, tiny.data)).toString('base64'),
  }
}

const factsOf = (index: number, width: number, height: number) => ({
  ...unknownFacts,
  width,
  height,
  capturedAt: {
    local: new Date(Date.UTC(2026, 8, 1) + index * 2_400_000).toISOString().slice(0, 19),
    offset: '+02:00',
    source: 'EXIF:DateTimeOriginal',
  },
  camera: 'Fujifilm X100VI',
  exposureTime: '1/250',
  aperture: 2.8,
  iso: 200,
  focalLength: 23,
})

/** So many in one commit: on a busy machine Redis takes longer than an answer may for thousands. */
const atOnce = 500

/** A share of `count` items as if a worker had prepared them, the first `shown` with pictures; answers the link's path. */
export async function shareOfMany(ports: Ports, count: number, shown = count): Promise<string> {
  const pictures = await Promise.all(Array.from({ length: 8 }, (_, index) => picture(index)))
  const owner = newOwner()
  const original: StoredObject = { size: 4_200_000, crc32: 0, sha256: randomToken() }
  const received = Array.from({ length: count }, (_, index) => ({
    id: randomToken(),
    name: `DSCF${4000 + index}.jpg`,
    folder: null,
    type: { format: 'jpeg' as const, kind: 'photo' as const, mime: 'image/jpeg', extension: 'jpg' },
    original,
    firstLook: null,
  }))
  const share = await makeShare(ports, {
    owner,
    isNewOwner: true,
    album: { title: 'A journey of many days', description: '', sender: 'Ana' },
    link: { label: '', until: { expiresInDays: 12 }, password: null, metadata: 'no-location' },
    upload: null,
    received: received.slice(0, atOnce),
  })
  const items = [...share.items]
  for (let from = atOnce; from < count; from += atOnce) {
    const upload = await beginUpload(ports, owner.id, null)
    const part = received.slice(from, from + atOnce)
    items.push(...(await addItems(ports, { owner: owner.id, album: share.album.id, upload, received: part })))
  }
  for (const [index, item] of items.entries()) {
    const made = pictures[index % pictures.length]
    if (!made) continue
    const store = async (name: 'small' | 'thumb' | 'preview', mime: string): Promise<Rendition> => {
      const { data, width, height } = made[name]
      if (index < shown)
        await ports.bucket.put(objects.rendition(item.id, name), Readable.from([data]), {
          mime,
          size: data.length,
        })
      return { size: data.length, crc32: crc32(data), sha256: item.id + name, mime, width, height }
    }
    const small = await store('small', 'image/webp')
    const thumb = await store('thumb', 'image/webp')
    const preview = index < 40 ? await store('preview', 'image/jpeg') : thumb
    await updateItem(ports.store, owner.id, item.id, (found) => ({
      ...found,
      state: 'ready',
      facts: factsOf(index, made.preview.width, made.preview.height),
      thumbhash: made.thumbhash,
      renditions: { small, thumb, preview },
      copies: { 'no-location': { ...original, state: 'clean', lost: [] } },
    }))
  }
  return `/s/${share.secret}`
}
