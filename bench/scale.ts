/**
 * Whether size costs: the same requests with 10 links and an album of 10 items in the store, and with 100,000 links and
 * an album of 20,000 items. Prints what an item and a link take of Redis's memory.
 *
 *     npm run build && npx tsx bench/scale.ts [links] [items]
 */
import { Redis } from 'ioredis'
import { changeOwner } from '../src/domain/records/store/change.ts'
import { keys } from '../src/domain/records/keys.ts'
import type { KnownOwner } from '../src/domain/owner/owner.ts'
import type { Album } from '../src/domain/records/records.ts'
import { newLink, writeLink } from '../src/domain/links/share.ts'
import { addLink, clock, fillAlbum, limits, makeOwner, putBytes, touchAlbum } from './support/fill.ts'
import { median, printMachine, printTable } from './support/measure.ts'
import { isPart } from './support/parts.ts'
import { startService, type Service } from './support/service.ts'

const links = Number(process.argv[2] ?? 100_000)
const items = Number(process.argv[3] ?? 20_000)
/** So many links does one owner have here. */
const linksOfOne = 1000
const passwords = { hash: () => Promise.resolve(''), verify: () => Promise.resolve(false) }

if (!(await isPart())) await main()

async function main(): Promise<void> {
  const service = await startService()
  const redis = new Redis(service.redisUrl)
  try {
    printMachine()
    await redis.config('SET', 'appendfsync', 'no')
    const small = await figures(service, 10)
    const before = await memory(redis)
    await fillLinks(service, links)
    const between = await memory(redis)
    const large = await figures(service, items)
    const after = await memory(redis)
    printTable(
      ['milliseconds, median', `10 links, album of 10`, `${links} links, album of ${items}`],
      Object.keys(small).map((name) => [
        name,
        (small[name] ?? NaN).toFixed(1),
        (large[name] ?? NaN).toFixed(1),
      ]),
    )
    console.log(`\nRedis: ${((between - before) / links).toFixed(0)} bytes a link, ${((after - between) / items).toFixed(0)} bytes an item`) // prettier-ignore
    console.log(`web process at most ${(await service.usage()).peakMegabytes.toFixed(0)} MB`)
  } finally {
    redis.disconnect()
    await service.stop()
  }
}

async function memory(redis: Redis): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1] ?? NaN)
}

async function figures(service: Service, count: number): Promise<Record<string, number>> {
  const { store, url } = service
  const owner = await makeOwner(store)
  const { album, items: made } = await fillAlbum(store, owner, count)
  const shown = made.slice(0, 10)
  for (const item of shown) await putBytes(service.bucket, item)
  const { secret } = await addLink(store, owner, album)
  const page = `${url}/s/${secret}`
  const headers = { Accept: 'text/html' }
  const get = async (address: string): Promise<void> => {
    const res = await fetch(address, { headers })
    await res.arrayBuffer()
    if (res.status !== 200) throw new Error(`${address} answered ${res.status}`)
  }
  const stopped = await Promise.all(Array.from({ length: 15 }, () => addLink(store, owner, album)))
  return {
    'page, first time': await timed([() => get(page)]),
    'page, after a change': await timed(
      Array.from({ length: 9 }, () => () => get(page)),
      () => touchAlbum(store, album),
    ),
    'page, seen before': await timed(Array.from({ length: 30 }, () => () => get(page))),
    thumb: await timed(Array.from({ length: 30 }, (_, n) => () => get(`${page}/items/${shown[n % 10]?.id}/thumb`))), // prettier-ignore
    'stop of one link': await timed(
      stopped.map(({ link }) => async () => {
        const init = { method: 'DELETE', headers: { Authorization: `Bearer ${owner.key}` } }
        const { status } = await fetch(`${url}/api/v1/links/${link.id}`, init)
        if (status !== 204) throw new Error(`stop answered ${status}`)
      }),
    ),
    'sweep: who is due': await timed(
      Array.from({ length: 30 }, () => async () => {
        await store.read([{ kind: 'scores', key: keys.due, from: -Infinity, to: clock.now(), limit: 100 }])
      }),
    ),
  }
}

async function timed(works: (() => Promise<void>)[], before = () => Promise.resolve()): Promise<number> {
  const times: number[] = []
  for (const work of works) {
    await before()
    const begun = performance.now()
    await work()
    times.push(performance.now() - begun)
  }
  return median(times)
}

/** Links of many owners, a thousand each, to one album of theirs. */
async function fillLinks({ store }: Service, count: number): Promise<void> {
  for (let from = 0; from < count; from += linksOfOne) {
    const owner: KnownOwner = await makeOwner(store)
    const { album } = await fillAlbum(store, owner, 0)
    await writeLinks(owner, album, Math.min(linksOfOne, count - from))
  }

  async function writeLinks(owner: KnownOwner, album: Album, many: number): Promise<void> {
    const wish = { label: '', until: { expiresInDays: 30 }, password: null, metadata: 'no-location' } as const
    const made = await Promise.all(
      Array.from({ length: many }, () =>
        newLink({ store, clock, passwords, limits }, owner, [album.id], wish),
      ),
    )
    await changeOwner(store, owner.id, (changing) => {
      for (const { link } of made) writeLink(changing, link)
      return Promise.resolve()
    })
    await Promise.all(
      made.map(({ link }) =>
        store.commit({
          writes: [
            {
              kind: 'set',
              key: keys.entrance(link.secretHash),
              value: JSON.stringify({ owner: owner.id, link: link.id }),
            },
          ],
        }),
      ),
    )
  }
}
