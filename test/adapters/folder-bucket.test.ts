import { mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { folderBucket } from '../../src/adapters/folder/folder-bucket.ts'
import { BucketFull, BucketUnavailable } from '../../src/ports.ts'
import { bucketContract } from '../contract/bucket-contract.ts'
import { withHashes } from '../support/buckets.ts'
import { smallDisk } from '../support/small-disk.ts'

const mime = 'text/plain'

bucketContract('a folder', async () => {
  const root = await mkdtemp(join(tmpdir(), 'mayfly-folder-'))
  return { bucket: withHashes(folderBucket(root)), stop: () => rm(root, { recursive: true, force: true }) }
})

describe('a bucket in a folder', () => {
  let root: string
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'mayfly-folder-'))
  })
  afterEach(async () => {
    await rm(root, { recursive: true, force: true })
  })
  const filesOf = async (folder: string) =>
    (await readdir(folder, { recursive: true })).filter((path) => path !== '.unfinished').sort()

  it('makes its folder, for its user alone', async () => {
    const bucket = folderBucket(join(root, 'not', 'there'))
    await bucket.put('items/a/original', Readable.from(['x']), { mime })
    expect((await stat(join(root, 'not', 'there'))).mode & 0o777).toBe(0o700)
    expect((await stat(join(root, 'not', 'there', 'items/a/original'))).mode & 0o777).toBe(0o600)
  })

  it('leaves no empty folders', async () => {
    const bucket = folderBucket(root)
    await bucket.put('items/a/original', Readable.from(['x']), { mime })
    await bucket.put('items/a/thumb', Readable.from(['x']), { mime })
    await bucket.removeAll('items/a/original')
    expect(await filesOf(root)).toEqual(['items', 'items/a', 'items/a/thumb'])
    await bucket.removeAll('items/a/')
    expect(await filesOf(root)).toEqual([])
  })

  it('gives its own file, and moves a file in without copying', async () => {
    const bucket = folderBucket(join(root, 'bucket'))
    const path = join(root, 'made')
    await writeFile(path, 'made')
    const { ino } = await stat(path)
    await bucket.putFile('items/a/preview', path, { mime })
    const own = join(root, 'bucket', 'items/a/preview')
    expect(await bucket.localFile('items/a/preview', root)).toBe(own)
    expect((await stat(own)).ino).toBe(ino)
    await expect(stat(path)).rejects.toThrow('ENOENT')
  })

  it('does not follow a link when it takes a file', async () => {
    const bucket = folderBucket(join(root, 'bucket'))
    await symlink('/etc/hostname', join(root, 'link'))
    await expect(bucket.putFile('items/a/copy', join(root, 'link'), { mime })).rejects.toThrow(TypeError)
  })

  it('does not list or sweep up what it is working on', async () => {
    const bucket = folderBucket(root)
    const body = new PassThrough()
    const attempt = bucket.put('items/a/original', body, { mime })
    body.write('half')
    await sleep(50)
    const listed = []
    for await (const entry of bucket.list('')) listed.push(entry)
    expect(listed).toEqual([])
    expect(await bucket.sweepUnfinished(60_000)).toBe(0)
    body.end()
    await attempt
    expect(await filesOf(root)).toEqual(['items', 'items/a', 'items/a/original'])
  })

  it('survives puts and removals of neighbours at once', async () => {
    const bucket = folderBucket(root, { durable: false })
    for (let round = 0; round < 100; round += 1) {
      await Promise.all([
        bucket.put('items/a/original', Readable.from(['x']), { mime }),
        bucket.removeAll('items/b/'),
        bucket.put('items/b2/original', Readable.from(['x']), { mime }),
        bucket.removeAll('items/c/'),
      ])
      await Promise.all([bucket.removeAll('items/a/'), bucket.removeAll('items/b2/')])
    }
    expect(await filesOf(root)).toEqual([])
  })

  it('says that the disk is full, and leaves nothing on it', async (context) => {
    const disk = await smallDisk(join(root, 'disk'), 1)
    if (disk === null) {
      context.skip('only root may mount a tiny disk')
      return
    }
    try {
      const small = folderBucket(disk.path)
      await expect(
        small.put('items/a/original', Readable.from([Buffer.alloc(3_000_000)]), { mime }),
      ).rejects.toThrow(BucketFull)
      expect(await filesOf(disk.path)).toEqual([])
      await expect(small.check()).rejects.toThrow(BucketFull)
    } finally {
      await disk.unmount()
    }
  })

  it('says that it cannot be used where its folder is none', async () => {
    await writeFile(join(root, 'file'), 'x')
    const bucket = folderBucket(join(root, 'file'))
    await expect(bucket.check()).rejects.toThrow(BucketUnavailable)
    await expect(bucket.put('a', Readable.from(['x']), { mime })).rejects.toThrow(BucketUnavailable)
  })
})
