import { randomBytes } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  backup,
  listSnapshots,
  makeSnapshot,
  pruneBackups,
  snapshotLines,
} from '../../src/domain/backup/backup.ts'
import { removeDue } from '../../src/domain/removal/removal.ts'
import { stopSharing } from '../../src/domain/links/stop.ts'
import { keys, objects } from '../../src/domain/records/keys.ts'
import { tombstoneHorizon } from '../../src/domain/backup/restore.ts'
import { BadSnapshot, readSnapshot, sealSnapshot } from '../../src/domain/backup/snapshot.ts'
import { compareIdentities } from '../../src/domain/records/instance/instance.ts'
import { readTombstones } from '../../src/domain/records/instance/tombstones.ts'
import { BucketUnavailable, size } from '../../src/ports.ts'
import { openTestPorts, type TestPorts } from '../support/ports.ts'
import { share } from './sharing.ts'

const hour = 3_600_000
const key = Buffer.alloc(32, 7)

let ports: TestPorts
beforeEach(async () => {
  ports = await openTestPorts()
  await compareIdentities(ports.store, ports.bucket)
})
afterEach(() => ports.close())

async function tombstones(): Promise<number> {
  let count = 0
  for await (const { key: name } of ports.bucket.list(objects.tombstones)) count += name === '' ? 0 : 1
  return count
}

describe('a snapshot', () => {
  async function sealed(lines: string[]): Promise<Buffer> {
    async function* each() {
      for (const line of lines) yield await Promise.resolve(line)
    }
    return buffer(Readable.from(sealSnapshot(key, { instance: 'one', began: 5 }, each())))
  }
  async function opened(bytes: Buffer, by = key, piece = 1000): Promise<string[]> {
    const lines: string[] = []
    async function* pieces() {
      for (let at = 0; at < bytes.length; at += piece)
        yield await Promise.resolve(bytes.subarray(at, at + piece))
    }
    await readSnapshot(by, pieces(), (line) => void lines.push(line))
    return lines
  }

  it('gives back its lines, whatever stands in them and however its bytes come', async () => {
    const lines = ['["a\u2028b"]', '{"zoë":"🐝"}', randomBytes(200_000).toString('base64'), '[]']
    const bytes = await sealed(lines)
    for (const piece of [1, 17, 1_000_000]) expect(await opened(bytes, key, piece)).toEqual(lines)
  })

  it('is refused where one byte is wrong, where its end is missing, and by another key', async () => {
    const bytes = await sealed(['["some"]', randomBytes(3000).toString('hex')])
    for (const at of [30, 200, Math.floor(bytes.length / 2), bytes.length - 1]) {
      const wrong = Buffer.from(bytes)
      wrong[at] = (wrong[at] ?? 0) ^ 1
      await expect(opened(wrong), `byte ${at}`).rejects.toThrow(BadSnapshot)
    }
    for (const length of [0, 10, 150, bytes.length - 1])
      await expect(opened(bytes.subarray(0, length)), `${length} bytes`).rejects.toThrow(BadSnapshot)
    await expect(opened(bytes, Buffer.alloc(32, 8))).rejects.toThrow('another key')
  })

  it('holds each owner’s records of one moment, and no sessions or uploads', async () => {
    const { owner, link } = await share(ports, 3)
    await ports.store.commit({
      writes: [
        { kind: 'set', key: keys.session(owner.id, link.id, 'visitor'), value: '1' },
        { kind: 'set', key: keys.uploadBytes(owner.id, 'upload'), value: '5' },
      ],
    })
    const lines: string[] = []
    let isDisturbed = false
    for await (const line of snapshotLines(ports.store)) {
      lines.push(line)
      if (isDisturbed || !line.includes(':item:')) continue
      isDisturbed = true
      await stopSharing(ports, { owner: owner.id, link: link.id })
    }
    const names = lines.map((line) => (JSON.parse(line) as string[])[0])
    expect(names.filter((name) => name === 'begin')).toHaveLength(2)
    expect(names.filter((name) => name === 'end')).toHaveLength(1)
    expect(names.join()).not.toMatch(/session|upload/)
    expect(lines.slice(names.lastIndexOf('begin')).join()).toContain('stoppedAt\\":1')
  })

  it('lives for a day, also where no newer one comes; tombstones as long as one that is older', async () => {
    const { owner, link } = await share(ports, 1)
    await backup(ports, key)
    await stopSharing(ports, { owner: owner.id, link: link.id })
    expect(await tombstones()).toBe(1)
    ports.clock.move(23 * hour)
    await pruneBackups(ports, ports.clock.now())
    expect([(await listSnapshots(ports.bucket)).length, await tombstones()]).toEqual([1, 1])
    ports.clock.move(hour)
    await pruneBackups(ports, ports.clock.now())
    expect(await listSnapshots(ports.bucket)).toEqual([])
    ports.clock.move(3 * hour)
    await pruneBackups(ports, ports.clock.now())
    expect(await tombstones()).toBe(0)
    expect(await tombstoneHorizon(ports.bucket)).toBeGreaterThan(0)
  })

  it('is not made of a store that is not the bucket’s', async () => {
    const apart = { kind: 'apart', reason: 'store-empty' } as const
    const instance = { ...ports.instance, check: () => Promise.resolve(apart) }
    await expect(buffer(Readable.from(makeSnapshot({ ...ports, instance }, key)))).rejects.toThrow(
      'No snapshot',
    )
    await expect(backup({ ...ports, instance }, key)).rejects.toThrow('No snapshot')
    expect(await listSnapshots(ports.bucket)).toEqual([])
  })
})

describe('a stop whose tombstone cannot be written', () => {
  it('has ended the link, says so with 503, and is noted by the sweep', async () => {
    const { owner, link } = await share(ports, 1)
    const bucket = { ...ports.bucket, put: () => Promise.reject(new BucketUnavailable('away')) }
    const stopping = stopSharing({ ...ports, bucket }, { owner: owner.id, link: link.id })
    await expect(stopping).rejects.toMatchObject({ reason: 'not-noted' })
    await expect(stopping).rejects.toThrow('The link has ended, but')
    expect(await ports.store.read([size(keys.tombstones(owner.id))])).toEqual([1])
    expect(await tombstones()).toBe(0)
    await removeDue(ports, owner.id)
    expect((await readTombstones(ports.bucket)).get(owner.id)).toMatchObject([{ kind: 'stop', id: link.id }])
    expect(await ports.store.read([size(keys.tombstones(owner.id))])).toEqual([0])
  })
})
