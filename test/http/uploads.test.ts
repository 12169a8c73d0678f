import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { keys } from '../../src/domain/records/keys.ts'
import { findOwner } from '../../src/domain/owner/owner.ts'
import { sweep } from '../../src/domain/removal/sweep.ts'
import { slowBody } from '../../src/http/input/bodies/slow-body.ts'
import { fields, ranks } from '../../src/ports.ts'
import { startWeb, type TestWeb } from '../support/app.ts'
import { bearer, errorOf, form, postShare } from '../support/client.ts'
import { jpeg } from '../support/pictures.ts'

let web: TestWeb
beforeAll(async () => {
  web = await startWeb({ limits: { maxFileBytes: 200_000, maxAlbumItems: 5, maxOwnerBytes: 900_000 } })
})
afterAll(() => web.close())

/** Everything in the bucket, and what uploads and quotas hold. */
async function traces(): Promise<unknown> {
  const found: string[] = []
  for (const root of ['items/', 'albums/'])
    for await (const { key } of web.ports.bucket.list(root)) found.push(key)
  const [uploads, usage] = await web.ports.store.read([ranks(keys.uploads), fields(keys.instanceUsage)])
  return { found: found.sort(), uploads, usage: usage['bytes'] ?? '0' }
}

/** Runs `attempt` and expects that nothing of it stays. */
async function leavesNothing<T>(attempt: () => Promise<T>): Promise<T> {
  // An upload of the test before may still be closing.
  await expect.poll(async () => (await web.ports.store.read([ranks(keys.uploads)]))[0]).toEqual([])
  const before = await traces()
  const result = await attempt()
  await expect.poll(traces).toEqual(before)
  return result
}

const ownerOf = async (ownerKey: string | undefined): Promise<string> =>
  (await findOwner(web.ports.store, ownerKey ?? ''))?.id ?? ''

const post = (body: FormData | string, headers: Record<string, string> = {}) =>
  fetch(`${web.url}/api/v1/shares`, { method: 'POST', body, headers })

/** Sends bytes as they are and answers what comes back until the connection ends. */
function raw(request: string, options: { end?: boolean } = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect(Number(new URL(web.url).port), '127.0.0.1', () => {
      socket.write(request, 'latin1')
      if (options.end) socket.end()
    })
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1')
      if (answer.includes('\r\n\r\n')) socket.end()
    })
    socket.on('close', () => resolve(answer))
    socket.on('error', reject)
  })
}

describe('a share in one call', () => {
  it('answers 201 with album, link, items and the new owner’s key', async () => {
    const before = Date.now()
    const share = await postShare(
      web.url,
      { 'a.jpg': await jpeg(), 'b.jpg': await jpeg('#123') },
      { title: 'Two' },
    )
    expect(share.items.map(({ name, state }) => [name, state])).toEqual([
      ['a.jpg', 'uploaded'],
      ['b.jpg', 'uploaded'],
    ])
    expect(share.ownerKey).toMatch(/^[a-z2-7]{52}$/)
    expect(share.link.url).toMatch(new RegExp(`^${web.url}/s/[a-z2-7]{26}$`))
    expect(Date.parse(share.link.expiresAt) - before).toBeGreaterThan(29.9 * 24 * 3_600_000)
  })

  it('answers the address alone to whoever accepts text', async () => {
    const res = await post(form({ 'a.jpg': await jpeg() }), { Accept: 'text/plain' })
    expect(res.status).toBe(201)
    expect(await res.text()).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/s\/[a-z2-7]{26}\n$/)
  })

  it('goes to the owner who shows a key, and then tells no key', async () => {
    const { ownerKey } = await postShare(web.url, { 'a.jpg': await jpeg() })
    const again = await postShare(web.url, { 'b.jpg': await jpeg() }, {}, bearer(ownerKey))
    expect(again.ownerKey).toBeUndefined()
    const wrong = await post(form({ 'a.jpg': await jpeg() }), bearer('a'.repeat(52)))
    expect(wrong.status).toBe(401)
  })

  it('takes fields after files too, and refuses those it does not know', async () => {
    const data = form({ 'a.jpg': await jpeg() })
    data.append('expiresInDays', '1')
    expect((await post(data)).status).toBe(201)
    for (const [name, text] of [
      ['expiresInDays', '31'],
      ['expiresInDays', '-1'],
      ['expiresInDays', 'soon'],
      ['metadata', 'some'],
      ['title', 'x'.repeat(201)],
      ['title[]', 'x'],
      ['password[]', 'x'],
      ['__proto__', 'x'],
      ['constructor', 'x'],
    ] as const) {
      const res = await leavesNothing(async () => post(form({ 'a.jpg': await jpeg() }, { [name]: text })))
      expect([name, res.status]).toEqual([name, 400])
      const json = await post(`{${JSON.stringify(name)}: ${JSON.stringify(text)}}`, {
        'Content-Type': 'application/json',
      })
      expect([name, json.status]).toEqual([name, 400])
    }
  })
})

describe('protection 12: a form that is not one', () => {
  const head = 'POST /api/v1/shares HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n'
  const part = (name: string, filename: string | null, text: string) =>
    `--x\r\nContent-Disposition: form-data; name="${name}"${filename === null ? '' : `; filename="${filename}"`}\r\n\r\n${text}\r\n`

  it.each([
    ['cut off in a file', part('files', 'a.jpg', '\xff\xd8\xff\xe0 and then').slice(0, -6)],
    ['cut off in a header', '--x\r\nContent-Disposition: form-'],
    ['with an empty file name', part('files', '', '\xff\xd8\xff\xe0') + '--x--\r\n'],
    ['with an empty file', part('files', 'a.jpg', '') + '--x--\r\n'],
    ['without files', part('title', null, 'x') + '--x--\r\n'],
    ['with files in another field', part('file', 'a.jpg', '\xff\xd8\xff\xe0') + '--x--\r\n'],
    ['nested', part('files', null, '--y\r\n'.repeat(50)) + '--x--\r\n'],
    ['with a field twice', part('title', null, 'x') + part('title', null, 'y') + '--x--\r\n'],
    [
      'with a hundred fields',
      Array.from({ length: 100 }, (_, n) => part(`f${n}`, null, 'x')).join('') + '--x--\r\n',
    ],
  ])('%s → 400, and nothing is stored', async (_what, body) => {
    const answer = await leavesNothing(() =>
      raw(
        `${head}Content-Type: multipart/form-data; boundary=x\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      ),
    )
    expect(answer).toMatch(/^HTTP\/1\.1 400 /)
  })

  it('with something after it that is no HTTP → nothing is stored', async () => {
    const body = part('files', 'a.jpg', '\xff\xd8\xff\xe0 and then')
    await leavesNothing(() =>
      raw(
        `${head}Content-Type: multipart/form-data; boundary=x\r\nContent-Length: ${body.length - 20}\r\n\r\n${body}`,
      ),
    )
  })

  it('without a boundary, or not a form at all → 400', async () => {
    for (const type of [
      'multipart/form-data',
      'multipart/form-data; boundary=',
      'text/plain',
      'application/octet-stream',
    ]) {
      const answer = await leavesNothing(() =>
        raw(`${head}Content-Type: ${type}\r\nContent-Length: 4\r\n\r\nabcd`),
      )
      expect([type, answer.slice(0, 12)]).toEqual([type, 'HTTP/1.1 400'])
    }
  })
})

describe('protection 13: past a limit', () => {
  it('a byte too many → 413 with the limit, whether the length is told or not', async () => {
    const big = Buffer.concat([await jpeg(), Buffer.alloc(200_000)])
    const exact = big.subarray(0, 200_000)
    expect((await post(form({ 'a.jpg': exact }))).status).toBe(201)
    const res = await leavesNothing(() => post(form({ 'a.jpg': big.subarray(0, 200_001) })))
    expect(res.status).toBe(413)
    const { error } = (await res.json()) as { error: { code: string; details: { limit: number } } }
    expect(error).toMatchObject({ code: 'file-too-large', details: { limit: 200_000, name: 'a.jpg' } })
  })

  it('a file too many → 413 with the limit, and none of them stays', async () => {
    const files = Object.fromEntries(
      await Promise.all(['1', '2', '3', '4', '5', '6'].map(async (n) => [`${n}.jpg`, await jpeg()])),
    )
    const res = await leavesNothing(() => post(form(files)))
    expect(await errorOf(res)).toMatchObject({ status: 413, code: 'too-many-items' })
  })

  it('an album that is full → 413', async () => {
    const share = await postShare(web.url, { 'a.jpg': await jpeg() })
    const add = async (count: number) =>
      fetch(`${web.url}/api/v1/albums/${share.album.id}/items`, {
        method: 'POST',
        headers: bearer(share.ownerKey),
        body: form(
          Object.fromEntries(
            await Promise.all(Array.from({ length: count }, async (_, n) => [`${n}.jpg`, await jpeg()])),
          ),
        ),
      })
    expect((await add(4)).status).toBe(201)
    const res = await leavesNothing(() => add(1))
    expect(await errorOf(res)).toMatchObject({ status: 413, code: 'too-many-items' })
  })
})

describe('protection 14: the client goes away', () => {
  it('half-way → no item, and nothing is left in the bucket', async () => {
    const uploadsUnderWay = async () => (await web.ports.store.read([ranks(keys.uploads)]))[0].length
    const before = await uploadsUnderWay()
    await leavesNothing(async () => {
      const body = Buffer.concat([await jpeg(), Buffer.alloc(90_000)])
      const socket = connect(Number(new URL(web.url).port), '127.0.0.1')
      socket.on('error', () => {})
      socket.write(
        'POST /api/v1/shares HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 190000\r\n\r\n' +
          '--x\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n',
      )
      socket.write(body)
      // Until the service has begun to take it.
      await expect.poll(uploadsUnderWay).toBe(before + 1)
      await sleep(100)
      socket.destroy()
    })
  })

  it('or the process does → the sweep ends it', async () => {
    const { storeFile } = await import('../../src/domain/uploads/store-file.ts')
    const { beginUpload } = await import('../../src/domain/records/limits/reservation.ts')
    const { Readable } = await import('node:stream')
    await leavesNothing(async () => {
      const upload = await beginUpload(web.ports, 'somebody', 1000)
      await storeFile(web.ports, upload, {
        name: 'a.jpg',
        folder: null,
        body: Readable.from([await jpeg()]),
      })
      web.ports.clock.move(2 * 3_600_000)
      await sweep(web.ports)
    })
  })
})

describe('protection 15: names', () => {
  it('that could do harm are kept in a safe form', async () => {
    const names = ['../../etc/passwd.jpg', 'a\u202egpj.exe.jpg', `${'long'.repeat(75)}.jpg`, '🦟 été.jpg']
    for (const name of names) {
      const { items, ownerKey, link } = await postShare(web.url, { [name]: await jpeg() })
      const [item] = items
      expect(item?.name).not.toMatch(/[/\\\u202e\r\n]/u)
      expect(Buffer.byteLength(item?.name ?? '')).toBeLessThanOrEqual(255)
      expect(item?.name).toMatch(/\.jpg$/)
      await fetch(`${web.url}/api/v1/links/${link.id}`, { method: 'DELETE', headers: bearer(ownerKey) })
    }
    const keysFound: string[] = []
    for await (const { key } of web.ports.bucket.list('items/')) keysFound.push(key)
    expect(keysFound.every((key) => /^items\/[a-z2-7]{26}\/original$/.test(key))).toBe(true)
  })

  it('with line ends and quotes stay out of headers', async () => {
    const name = 'a\u0085Set-Cookie: x=1\u2028;"\\%0d%0aX: y.jpg'
    const share = await postShare(web.url, { [name]: await jpeg() }, { metadata: 'everything' })
    const download = await fetch(`${share.link.url}/items/${share.items[0]?.id}/download`)
    expect(download.status).toBe(200)
    expect(download.headers.get('set-cookie')).toBeNull()
    expect(download.headers.get('x')).toBeNull()
    expect(download.headers.get('content-disposition')).toMatch(
      /^attachment; filename="[^"\\]*"; filename\*=UTF-8''[!-~]*$/,
    )
  })
})

describe('protection 17: told by content', () => {
  it.each([
    ['HTML', '<!DOCTYPE html><html><body><script>alert(1)</script>'],
    ['SVG', '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script/></svg>'],
    ['PDF', '%PDF-1.7\n%âãÏÓ\n1 0 obj'],
    ['DjVu', 'AT&TFORM\x00\x00\x00\x10DJVUINFO'],
    ['ZIP', 'PK\x03\x04\x14\x00\x00\x00\x00\x00'],
    ['text', 'just text'],
  ])('%s named .jpg → 415 that names what is taken', async (_what, content) => {
    const res = await leavesNothing(() => post(form({ 'photo.jpg': Buffer.from(content, 'latin1') })))
    const { status, code, message } = await errorOf(res)
    expect([status, code]).toEqual([415, 'unsupported-format'])
    expect(message).toMatch(/JPEG.*HEIC.*MP4/s)
  })

  it('beside good files → left out, and named in the answer', async () => {
    const html = Buffer.from('<!doctype html>'.repeat(20_000))
    const files = {
      'a.pdf': Buffer.from('%PDF-1.7'),
      'a.jpg': await jpeg(),
      'page.jpg': html,
      '0.jpg': Buffer.alloc(0),
    }
    const leftOut = [
      { name: 'a.pdf', reason: 'unsupported-format', message: expect.stringMatching(/a\.pdf.*JPEG/s) },
      { name: 'page.jpg', reason: 'unsupported-format', message: expect.stringContaining('page.jpg') },
      { name: '0.jpg', reason: 'bad-request', message: '“0.jpg” is empty.' },
    ]
    const share = await postShare(web.url, files)
    expect(share.items.map(({ name }) => name)).toEqual(['a.jpg'])
    expect(share.skipped).toEqual(leftOut)
    // No room is held for what was left out.
    const [usage] = await web.ports.store.read([fields(keys.usage(await ownerOf(share.ownerKey)))])
    expect(usage['bytes']).toBe(String((await jpeg()).length))

    const added = await fetch(`${web.url}/api/v1/albums/${share.album.id}/items`, {
      method: 'POST',
      headers: bearer(share.ownerKey),
      body: form(files),
    })
    expect([added.status, await added.json()]).toEqual([
      201,
      { items: [expect.objectContaining({ name: 'a.jpg' })], skipped: leftOut },
    ])
    const text = await (await post(form(files), { Accept: 'text/plain' })).text()
    expect(text.split('\n')).toEqual([
      expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/s\/[a-z2-7]{26}$/),
      expect.stringContaining('a.pdf'),
      expect.stringContaining('page.jpg'),
      expect.stringContaining('0.jpg'),
      '',
    ])
  })

  it('alone, or beside what refuses all → nothing of it stays', async () => {
    const pdf = Buffer.from('%PDF-1.7')
    const send = (files: Record<string, Buffer>) => leavesNothing(() => post(form(files)))
    expect((await send({ '0.jpg': Buffer.alloc(0), 'a.pdf': pdf })).status).toBe(415)
    expect((await send({ '0.jpg': Buffer.alloc(0) })).status).toBe(400)
    const large = Buffer.concat([await jpeg(), Buffer.alloc(200_000)])
    expect((await send({ 'a.pdf': pdf, 'b.jpg': await jpeg(), 'c.jpg': large })).status).toBe(413)
  })

  it('an HLS playlist named .mp4 → 415 (protection 18)', async () => {
    const playlist = '#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nhttp://127.0.0.1:1/canary.ts\n'
    expect((await leavesNothing(() => post(form({ 'v.mp4': Buffer.from(playlist) })))).status).toBe(415)
  })

  it('a PNG named .jpg is a PNG', async () => {
    const png = await sharp({ create: { width: 9, height: 9, channels: 3, background: '#abc' } })
      .png()
      .toBuffer()
    const { link, items } = await postShare(web.url, { 'a.jpg': png }, { metadata: 'everything' })
    const res = await fetch(`${link.url}/items/${items[0]?.id}/download`)
    expect(res.headers.get('content-type')).toBe('image/png')
    expect(Buffer.from(await res.arrayBuffer()).equals(png)).toBe(true)
  })
})

describe('protection 19: quotas', () => {
  it('are not passed by many uploads at once', async () => {
    const { ownerKey } = await postShare(web.url, { 'a.jpg': await jpeg() })
    const big = Buffer.concat([await jpeg(), Buffer.alloc(150_000)])
    const answers = await Promise.all(
      Array.from({ length: 12 }, () =>
        post(form({ 'a.jpg': big }), bearer(ownerKey)).then(({ status }) => status),
      ),
    )
    expect(answers.filter((status) => status === 201)).toHaveLength(5)
    expect(answers.filter((status) => status === 429)).toHaveLength(7)
  })
})

describe('protection 20: a slow body', () => {
  it('of a byte now and then → 408 in bounded time', async () => {
    const { spanMs } = slowBody
    slowBody.spanMs = 700
    try {
      await leavesNothing(async () => {
        const answer = new Promise<string>((resolve) => {
          let text = ''
          const socket = connect(Number(new URL(web.url).port), '127.0.0.1')
          socket.write(
            'POST /api/v1/shares HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 190000\r\n\r\n' +
              '--x\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n',
          )
          const drip = setInterval(() => socket.write('x'), 100)
          socket.on('data', (chunk) => (text += chunk.toString()))
          socket.on('error', () => {})
          socket.on('close', () => {
            clearInterval(drip)
            resolve(text)
          })
        })
        expect(await answer).toMatch(/^HTTP\/1\.1 408 /)
      })
    } finally {
      slowBody.spanMs = spanMs
    }
  })
})

describe('who may send', () => {
  it('is whoever knows SENDER_PASSWORD, by header or by session', async () => {
    const closed = await startWeb({ settings: { senderPassword: 'open sesame' } })
    try {
      const send = async (headers: Record<string, string>) =>
        fetch(`${closed.url}/api/v1/shares`, {
          method: 'POST',
          body: form({ 'a.jpg': await jpeg() }),
          headers,
        })
      expect((await send({})).status).toBe(401)
      expect((await send({ 'Sender-Password': 'wrong one' })).status).toBe(403)
      expect((await send({ 'Sender-Password': 'open sesame' })).status).toBe(201)
      const session = await fetch(`${closed.url}/api/v1/session`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ password: 'open sesame' }),
      })
      expect(session.status).toBe(204)
      const cookie = session.headers.get('set-cookie') ?? ''
      expect(cookie).toMatch(/HttpOnly/i)
      expect(cookie).toMatch(/SameSite=Lax/i)
      expect((await send({ Cookie: cookie.split(';')[0] ?? '' })).status).toBe(201)
      // A program shows it with each file that it sends.
      for (let times = 0; times < 15; times++)
        expect((await send({ 'Sender-Password': 'open sesame' })).status).toBe(201)
      const tries = await Promise.all(Array.from({ length: 40 }, () => send({ 'Sender-Password': 'guess' })))
      expect(tries.filter(({ status }) => status === 403).length).toBeLessThanOrEqual(10)
      expect(tries.find(({ status }) => status === 429)?.headers.get('retry-after')).toMatch(/^\d+$/)
    } finally {
      await closed.close()
    }
  })
})
