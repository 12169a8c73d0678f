import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { contentDisposition, safeName, uniqueNames } from '../../src/media/names/names.ts'
import { leastProcessorMs } from '../support/timing.ts'

/** Any text, rich in what hurts. */
const nastyName = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 400 }),
  fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)) }),
  fc
    .array(
      fc.constantFrom(
        ...['..', '.', '/', '\\', ' ', '\0', '\r\n', '\u202e', '\u2066', '\ud800', '"', "'", '%41', ';'],
        ...['CON', 'nul', 'COM¹', 'a', 'A', '.jpg', '.JPG', 'é', 'e\u0301', '👩\u200d👩\u200d👧', 'ß', 'SS'],
        ...['ﬁ', 'K', '\u212a', ' (2)', ':', '*', '\u200b', '\ufeff', 'x'.repeat(120), '日'.repeat(60)],
      ),
      { maxLength: 8 },
    )
    .map((parts) => parts.join('')),
)

function expectSafe(name: string) {
  expect(Buffer.byteLength(name)).toBeGreaterThan(0)
  expect(Buffer.byteLength(name)).toBeLessThanOrEqual(255)
  expect(name).toBe(name.normalize('NFC'))
  expect(Buffer.from(name).toString()).toBe(name)
  expect(name).not.toMatch(/[\p{Cc}\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff<>:"|?*/\\]/u)
  expect(name).not.toMatch(/^[.\s]|[.\s]$/u)
  expect(name).not.toMatch(/^(con|prn|aux|nul|(com|lpt)[0-9¹²³])\s*(\.|$)/i)
}

describe('safeName', () => {
  it.each([
    ['IMG_0001.HEIC', 'IMG_0001.HEIC'],
    ['../../etc/passwd', 'passwd'],
    ['C:\\Users\\me\\a.jpg', 'a.jpg'],
    ['/absolute.jpg', 'absolute.jpg'],
    ['folder/', 'folder'],
    ['..', 'file'],
    ['', 'file'],
    ['.', 'file'],
    ['\0', 'file'],
    ['a\0.jpg', 'a.jpg'],
    ['a\r\nSet-Cookie: x=1.jpg', 'aSet-Cookie_ x=1.jpg'],
    ['photo\u202egpj.exe', 'photogpj.exe'],
    ['CON', '_CON'],
    ['con.jpg', '_con.jpg'],
    ['Lpt1 .tar.gz', '_Lpt1 .tar.gz'],
    ['COM².png', '_COM².png'],
    ['contact.jpg', 'contact.jpg'],
    ['what?.jpg', 'what_.jpg'],
    ['a.jpg. . ', 'a.jpg'],
    [' a.jpg', 'a.jpg'],
    ['.jpg', 'file.jpg'],
    ['.hidden.jpg', 'hidden.jpg'],
    ['e\u0301te\u0301.jpg', 'été.jpg'],
    ['👩\u200d👩\u200d👧.jpg', '👩\u200d👩\u200d👧.jpg'],
    ['half\ud83d.jpg', 'half_.jpg'],
    ["it's 100% “fine”, (really).jpg", "it's 100% “fine”, (really).jpg"],
  ])('%j → %j', (given, expected) => {
    expect(safeName(given)).toBe(expected)
  })

  it('keeps the extension of 300 characters', () => {
    expect(safeName(`${'a'.repeat(300)}.jpeg`)).toBe(`${'a'.repeat(250)}.jpeg`)
    expect(safeName(`${'日'.repeat(300)}.jpg`)).toBe(`${'日'.repeat(83)}.jpg`)
    expect(safeName(`${'😀'.repeat(100)}.jpg`)).toBe(`${'😀'.repeat(62)}.jpg`)
  })

  it('makes any text safe, and a safe name stays as it is', () => {
    fc.assert(
      fc.property(nastyName, (name) => {
        const safe = safeName(name)
        expectSafe(safe)
        expect(safeName(safe)).toBe(safe)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('uniqueNames', () => {
  it('numbers what a file system would take for one name', () => {
    expect(uniqueNames(['a.jpg', 'A.jpg', 'a.jpg', 'b.jpg'])).toEqual([
      'a.jpg',
      'A (2).jpg',
      'a (3).jpg',
      'b.jpg',
    ])
    expect(uniqueNames(['é.jpg', 'e\u0301.jpg', 'É.jpg'])).toEqual(['é.jpg', 'é (2).jpg', 'É (3).jpg'])
    expect(uniqueNames(['x/a.jpg', '../a.jpg'])).toEqual(['a.jpg', 'a (2).jpg'])
    expect(uniqueNames(['', ''])).toEqual(['file', 'file (2)'])
  })

  it('never takes a later name away', () => {
    expect(uniqueNames(['a.jpg', 'a.jpg', 'a (2).jpg'])).toEqual(['a.jpg', 'a (3).jpg', 'a (2).jpg'])
  })

  it('keeps the extension where a number is added to a long name', () => {
    const long = `${'a'.repeat(251)}.jpg`
    expect(uniqueNames([long, long])).toEqual([long, `${'a'.repeat(240)} (2).jpg`])
  })

  it('makes any names safe and unique, in their order', () => {
    fc.assert(
      fc.property(fc.array(nastyName, { maxLength: 40 }), (names) => {
        const unique = uniqueNames(names)
        expect(unique).toHaveLength(names.length)
        unique.forEach(expectSafe)
        for (const fold of [
          (name: string) => name.toLowerCase(),
          (name: string) => name.toUpperCase(),
          (name: string) => name.normalize('NFD').toLowerCase(),
        ])
          expect(new Set(unique.map(fold)).size).toBe(names.length)
        // Numbers are added to repeated names only.
        names.forEach((name, index) => {
          if (names.indexOf(name) === index && new Set(names).size === 1)
            expect(unique[index]).toBe(safeName(name))
        })
      }),
      { numRuns: 500 },
    )
  })

  it('is quick with many equal and with many long names', () => {
    const equal = new Array<string>(20_000).fill('IMG.jpg')
    const long = Array.from({ length: 20_000 }, (_, n) => `${'a'.repeat(245)}${n >> 1}.jpg`)
    for (const names of [equal, long]) {
      expect(new Set(uniqueNames(names)).size).toBe(20_000)
      expect(leastProcessorMs(() => uniqueNames(names), 2)).toBeLessThan(3000)
    }
  })
})

describe('contentDisposition', () => {
  it.each([
    ['a.jpg', `attachment; filename="a.jpg"; filename*=UTF-8''a.jpg`],
    ['été 1.jpg', `attachment; filename="ete 1.jpg"; filename*=UTF-8''%C3%A9t%C3%A9%201.jpg`],
    ['写真.jpg', `attachment; filename="__.jpg"; filename*=UTF-8''%E5%86%99%E7%9C%9F.jpg`],
    ["it's (1)*.jpg", `attachment; filename="it's (1)_.jpg"; filename*=UTF-8''it%27s%20%281%29_.jpg`],
    ['a%41.jpg', `attachment; filename="a_41.jpg"; filename*=UTF-8''a%2541.jpg`],
    [
      '"; x="\r\nSet-Cookie: a',
      `attachment; filename="_; x=_Set-Cookie_ a"; filename*=UTF-8''_%3B%20x%3D_Set-Cookie_%20a`,
    ],
  ])('%j → %s', (name, expected) => {
    expect(contentDisposition(name, 'attachment')).toBe(expected)
  })

  it('holds one well-formed header for any name (RFC 8187, section 3.2.1)', () => {
    fc.assert(
      fc.property(nastyName, fc.constantFrom('attachment' as const, 'inline' as const), (name, type) => {
        const value = contentDisposition(name, type)
        const match =
          /^(attachment|inline); filename="([ !#$&-[\]-~]+)"; filename\*=UTF-8''((?:%[0-9A-F]{2}|[A-Za-z0-9!#$&+\-.^_`|~])+)$/.exec(
            value,
          )
        expect(match?.[1]).toBe(type)
        expect(decodeURIComponent(match?.[3] ?? '')).toBe(safeName(name))
      }),
      { numRuns: 2000 },
    )
  })
})
