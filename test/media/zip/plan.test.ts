import { describe, expect, it, onTestFinished } from 'vitest'
import { localHeader, planZip } from '../../../src/media/zip/plan.ts'
import type { ZipEntry } from '../../../src/media/zip/plan.ts'
import { zipTimestamp } from '../../../src/media/zip/timestamp.ts'
import { leastProcessorMs } from '../../support/timing.ts'
import { captured, content, entryOf } from './archive.ts'

const GiB = 1024 ** 3

function planned(changes: Partial<ZipEntry> = {}): ZipEntry {
  return { ...entryOf('a.jpg', content(10)), ...changes }
}

describe('planZip', () => {
  it('gives the same bytes in every zone, and a tag that any change changes', () => {
    const zone = process.env['TZ']
    onTestFinished(() => {
      if (zone === undefined) delete process.env['TZ']
      else process.env['TZ'] = zone
    })
    const entries = [planned(), planned({ name: 'b.jpg', modifiedAt: { ...captured, offset: null } })]
    const plans = ['UTC', 'Asia/Tokyo', 'America/St_Johns'].map((name) => {
      process.env['TZ'] = name
      return planZip(entries)
    })
    for (const plan of plans) {
      expect(plan.etag).toBe(plans[0]?.etag)
      expect(plan.directory).toEqual(plans[0]?.directory)
    }
    const tags = [
      entries,
      [...entries].reverse(),
      entries.slice(1),
      [],
      [planned({ name: 'c.jpg' })],
      [planned({ size: 11 })],
      [planned({ crc32: 1 })],
      [planned({ etag: '0'.repeat(64) })],
      [planned({ modifiedAt: null })],
      [planned({ modifiedAt: { ...captured, offset: '+03:00' } })],
    ].map((list) => planZip(list).etag)
    expect(new Set(tags).size).toBe(tags.length)
    expect(planZip(entries).etag).toMatch(/^[0-9a-f]{64}$/)
    // The key is where the bytes lie, not what they are.
    expect(planZip([planned({ key: 'items/moved/original' })]).etag).toBe(planZip([planned()]).etag)
  })

  it('uses ZIP64 only where a field does not fit', () => {
    const zip64 = Buffer.from([0x01, 0x00])
    const header = (size: number) => localHeader(planned({ size, modifiedAt: null }))
    expect(header(0xfffffffe)).toHaveLength(35)
    expect(header(0xffffffff)).toHaveLength(55)
    expect(header(4 * GiB).subarray(35, 37)).toEqual(zip64)
    expect(header(4 * GiB).readUInt16LE(4)).toBe(45)
    expect(header(1).readUInt16LE(4)).toBe(20)

    const names = (count: number) =>
      Array.from({ length: count }, (_, index) => planned({ name: `${index}`, modifiedAt: null }))
    const ends = (entries: ZipEntry[]) => planZip(entries).directory.includes('PK\x06\x06')
    expect(ends(names(65_534))).toBe(false)
    expect(ends(names(65_536))).toBe(true)
    expect(ends([planned({ size: 3 * GiB })])).toBe(false)
    expect(ends([planned({ size: 4 * GiB })])).toBe(true)
    const far = planZip([
      planned({ size: 3 * GiB }),
      planned({ name: 'b', size: 3 * GiB }),
      planned({ name: 'c' }),
    ])
    expect(far.offsets[2]).toBeGreaterThan(6 * GiB)
    expect(far.size).toBe((far.offsets[3] ?? 0) + far.directory.length)
  })

  it.each([
    ['', 'unsafe name'],
    ['/a.jpg', 'unsafe name'],
    ['../a.jpg', 'unsafe name'],
    ['a/../b.jpg', 'unsafe name'],
    ['a//b.jpg', 'unsafe name'],
    ['a/', 'unsafe name'],
    ['.', 'unsafe name'],
    ['a\\b.jpg', 'unsafe name'],
    ['a\nb.jpg', 'unsafe name'],
    ['a\ud800.jpg', 'unsafe name'],
    ['a'.repeat(70_000), 'unsafe name'],
  ])('refuses the name %j', (name, message) => {
    expect(() => planZip([planned({ name })])).toThrow(message)
  })

  it('refuses what could not be unpacked, and takes folders', () => {
    expect(() => planZip([planned(), planned()])).toThrow('twice')
    expect(() => planZip([planned({ size: -1 })])).toThrow('not a size')
    expect(() => planZip([planned({ size: 1.5 })])).toThrow('not a size')
    expect(() => planZip([planned({ crc32: -1 })])).toThrow('not a CRC-32')
    expect(() => planZip([planned({ crc32: 2 ** 32 })])).toThrow('not a CRC-32')
    expect(() => planZip([planned({ etag: 'short' })])).toThrow('not a SHA-256')
    expect(() =>
      planZip([planned({ size: 2 ** 53 - 1 }), planned({ name: 'b', size: 2 ** 53 - 1 })]),
    ).toThrow('too large')
    expect(planZip([planned({ name: 'Day 1/..a.jpg' })]).entries).toHaveLength(1)
  })

  it('plans 10,000 entries at once', () => {
    const entries = Array.from({ length: 10_000 }, (_, index) => planned({ name: `IMG_${index}.jpg` }))
    // 8 to 10 ms where it was measured; the margin is for slower machines.
    expect(leastProcessorMs(() => planZip(entries), 8)).toBeLessThan(100)
  })
})

describe('zipTimestamp', () => {
  const dos = (year: number, month: number, day: number, hour = 0, minute = 0, second = 0) =>
    (((year - 1980) << 25) | (month << 21) | (day << 16) | (hour << 11) | (minute << 5) | (second / 2)) >>> 0

  it.each([
    ['2026-05-01T18:30:00', '+02:00', dos(2026, 5, 1, 18, 30), Date.UTC(2026, 4, 1, 16, 30) / 1000],
    ['2026-05-01T18:30:59', '-03:30', dos(2026, 5, 1, 18, 30, 58), Date.UTC(2026, 4, 1, 22, 0, 59) / 1000],
    ['2026-05-01T18:30:00.250', 'Z', dos(2026, 5, 1, 18, 30), Date.UTC(2026, 4, 1, 18, 30) / 1000],
    ['2026-05-01T18:30:00', null, dos(2026, 5, 1, 18, 30), null],
    ['2026-05-01T18:30:00', 'CEST', dos(2026, 5, 1, 18, 30), null],
    ['2024-02-29T00:00:00', null, dos(2024, 2, 29), null],
    ['2023-02-29T00:00:00', '+00:00', dos(1980, 1, 1), null],
    ['1975-06-01T12:00:00', '+00:00', dos(1980, 1, 1), Date.UTC(1975, 5, 1, 12) / 1000],
    ['1965-06-01T12:00:00', '+00:00', dos(1980, 1, 1), null],
    ['0050-06-01T12:00:00', '+00:00', dos(1980, 1, 1), null],
    ['2040-06-01T12:00:00', '+00:00', dos(2040, 6, 1, 12), null],
    ['2200-06-01T12:00:00', '+00:00', dos(2107, 12, 31, 23, 59, 58), null],
    ['2026-13-01T00:00:00', '+00:00', dos(1980, 1, 1), null],
    ['2026-00-00T00:00:00', '+00:00', dos(1980, 1, 1), null],
    ['2026-05-01T24:00:00', '+00:00', dos(1980, 1, 1), null],
    ['0000:00:00 00:00:00', null, dos(1980, 1, 1), null],
    ['2026-05-01T18:3x:00', null, dos(1980, 1, 1), null],
    ['', null, dos(1980, 1, 1), null],
  ])('%s %s', (local, offset, expectedDos, unixSeconds) => {
    expect(zipTimestamp({ local, offset })).toEqual({ dos: expectedDos, unixSeconds })
  })

  it('has 1 January 1980 for no date', () => {
    expect(zipTimestamp(null)).toEqual({ dos: dos(1980, 1, 1), unixSeconds: null })
  })
})
