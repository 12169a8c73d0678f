import busboy from 'busboy'
import fc from 'fast-check'
import { buffer } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { boundaryOf, formParts, MalformedForm } from '../../src/http/input/bodies/form-parts.ts'

interface Read {
  readonly name: string
  readonly filename: string | null
  readonly text: string
}

/** `bytes` in pieces that end where `cuts` say. */
async function* inPieces(bytes: Buffer, cuts: readonly number[]): AsyncGenerator<Buffer> {
  let from = 0
  for (const cut of [...cuts].sort((one, two) => one - two)) {
    if (cut <= from || cut >= bytes.length) continue
    yield bytes.subarray(from, cut)
    from = cut
  }
  await Promise.resolve()
  yield bytes.subarray(from)
}

async function read(bytes: Buffer, boundary: string, cuts: readonly number[] = []): Promise<Read[]> {
  const found: Read[] = []
  for await (const { name, filename, body } of formParts(inPieces(bytes, cuts), boundary)) {
    const pieces: Buffer[] = []
    for await (const piece of body) pieces.push(piece)
    found.push({ name, filename, text: Buffer.concat(pieces).toString('latin1') })
  }
  return found
}

/** The same by another reader of forms. */
async function readByBusboy(bytes: Buffer, boundary: string): Promise<Read[]> {
  const found: Promise<Read>[] = []
  const headers = { 'content-type': `multipart/form-data; boundary=${boundary}` }
  const form = busboy({ headers, preservePath: true, defParamCharset: 'utf8' })
  form.on('file', (name, body, { filename }) => {
    found.push(
      buffer(body).then((all) => ({ name, filename: filename ?? null, text: all.toString('latin1') })),
    )
  })
  form.on('field', (name, value) => {
    found.push(Promise.resolve({ name, filename: null, text: Buffer.from(value).toString('latin1') }))
  })
  await new Promise((resolve, reject) => form.on('close', resolve).on('error', reject).end(bytes))
  return Promise.all(found)
}

const boundary = 'ab-'
/** Bytes that look like delimiters, or nearly. */
const bodyBytes = fc
  .array(
    fc.oneof(
      fc.constantFrom('\r', '\n', '\r\n', '--', '\r\n--', '\r\n--ab', '\r\n-', 'ab-', '\0'),
      fc.string({ maxLength: 5 }),
    ),
    { maxLength: 30 },
  )
  .map((pieces) => pieces.join(''))
  .filter((text) => !text.includes(`\r\n--${boundary}`) && !text.startsWith(`--${boundary}`))
const nameText = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
  .filter((text) => !/[\r\n"\\%\0]/.test(text))
const parts = fc.array(fc.record({ name: nameText, filename: fc.option(nameText), text: bodyBytes }), {
  minLength: 1,
  maxLength: 6,
})

const formOf = (sent: readonly Read[], end = `--${boundary}--\r\n`): Buffer =>
  Buffer.concat([
    ...sent.flatMap(({ name, filename, text }) => [
      Buffer.from(
        `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${filename === null ? '' : `; filename="${filename}"`}\r\n` +
          `${filename === null ? '' : 'Content-Type: image/jpeg\r\n'}\r\n`,
      ),
      Buffer.from(text),
      Buffer.from('\r\n'),
    ]),
    Buffer.from(end),
  ])

describe('the parts of a form', () => {
  it('are what was sent, wherever the network cuts, and what another reader finds', async () => {
    await fc.assert(
      fc.asyncProperty(parts, fc.array(fc.nat(600), { maxLength: 40 }), async (sent, cuts) => {
        const bytes = formOf(sent)
        const expected = sent.map((part) => ({ ...part, text: Buffer.from(part.text).toString('latin1') }))
        expect(await read(bytes, boundary, cuts)).toEqual(expected)
        expect(await readByBusboy(bytes, boundary)).toEqual(expected)
      }),
      { numRuns: 500 },
    )
  })

  it('come byte by byte, too', async () => {
    const sent = [{ name: 'files', filename: 'ä.jpg', text: '\r\n--ab\r\n--a\r\r\n-' }]
    const bytes = formOf(sent)
    const every = Array.from({ length: bytes.length }, (_, at) => at)
    expect(await read(bytes, boundary, every)).toEqual(sent)
  })

  it('that are cut off anywhere are an error, never a shorter file', async () => {
    const whole = formOf([
      { name: 'files', filename: 'a.jpg', text: 'x'.repeat(50) },
      { name: 'title', filename: null, text: 'y' },
    ])
    for (let length = 0; length < whole.length - 2; length += 1)
      await expect(read(whole.subarray(0, length), boundary), String(length)).rejects.toThrow(MalformedForm)
  })

  it('that nobody reads are passed over', async () => {
    const bytes = formOf([
      { name: 'a', filename: 'a', text: 'x'.repeat(1000) },
      { name: 'b', filename: 'b', text: 'y' },
    ])
    const names: string[] = []
    for await (const { name } of formParts(inPieces(bytes, [100, 200, 300]), boundary)) names.push(name)
    expect(names).toEqual(['a', 'b'])
  })

  it('may have a preamble, an epilogue and blanks after a boundary (RFC 2046, 5.1.1)', async () => {
    const text = `before\r\n--${boundary} \t\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n--${boundary}--\r\nafter`
    expect(await read(Buffer.from(text), boundary)).toEqual([{ name: 'a', filename: null, text: 'x' }])
  })

  it.each([
    ['form-data; name="a"; filename="C:\\new\\b.jpg"', 'C:\\new\\b.jpg'],
    ['form-data; name="a"; filename="say \\"b\\".jpg"', 'say "b".jpg'],
    ['form-data; name=a; filename=b.jpg', 'b.jpg'],
    ['Form-Data; Name="a"; FileName="b.jpg"', 'b.jpg'],
    ['form-data; name="a"; filename="b.jpg"; filename*=UTF-8\'\'%C3%A4.jpg', 'ä.jpg'],
    ['form-data; name="a"; filename="b.jpg"; filename*=UTF-8\'\'%C3.jpg', 'b.jpg'],
    ['form-data; name="a"; filename=""', ''],
    ['form-data; name="a"; filename="a;b=c.jpg"', 'a;b=c.jpg'],
  ])('names: %s', async (disposition, filename) => {
    const text = `--${boundary}\r\ncontent-disposition: ${disposition}\r\n\r\nx\r\n--${boundary}--`
    expect(await read(Buffer.from(text), boundary)).toEqual([{ name: 'a', filename, text: 'x' }])
  })

  it.each([
    ['no header', `--${boundary}\r\n\r\nx\r\n--${boundary}--`],
    ['no name', `--${boundary}\r\nContent-Disposition: form-data\r\n\r\nx\r\n--${boundary}--`],
    [
      'another disposition',
      `--${boundary}\r\nContent-Disposition: attachment; name="a"\r\n\r\nx\r\n--${boundary}--`,
    ],
    [
      'text after the boundary',
      `--${boundary}x\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n--${boundary}--`,
    ],
    ['endless headers', `--${boundary}\r\nX: ${'y'.repeat(20_000)}\r\n\r\nx\r\n--${boundary}--`],
    ['nothing', ''],
  ])('%s is malformed', async (_what, text) => {
    await expect(read(Buffer.from(text), boundary)).rejects.toThrow(MalformedForm)
  })
})

describe('the boundary of a form', () => {
  it.each([
    ['multipart/form-data; boundary=x', 'x'],
    ['Multipart/Form-Data; charset=utf-8; Boundary="a b"', 'a b'],
    [
      'multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW; charset=utf-8',
      '----WebKitFormBoundary7MA4YWxkTrZu0gW',
    ],
    ['multipart/form-data', null],
    ['multipart/form-data; boundary=', null],
    [`multipart/form-data; boundary=${'x'.repeat(71)}`, null],
    ['multipart/mixed; boundary=x', null],
    [undefined, null],
  ])('%s', (type, boundary) => expect(boundaryOf(type)).toBe(boundary))
})
