import { once } from 'node:events'
import { createServer, request, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import express from 'express'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { deleteAlbum, makeAlbumOf } from '../../src/domain/albums/album-changes.ts'
import { stopAll, stopSharing } from '../../src/domain/links/stop.ts'
import { openEntrance } from '../../src/domain/gate/slug-claims.ts'
import { gateChannel } from '../../src/domain/gate/access-changes.ts'
import { authorizeForItem, sessionValue } from '../../src/domain/gate/authorize.ts'
import { markPrivate } from '../../src/domain/albums/item-changes.ts'
import { createLink, editLink } from '../../src/domain/links/link-changes.ts'
import type { Link } from '../../src/domain/records/records.ts'
import { leave } from '../../src/domain/gate/unlock.ts'
import { newLink, writeLink } from '../../src/domain/links/share.ts'
import { changeOwner } from '../../src/domain/records/store/change.ts'
import { keys } from '../../src/domain/records/keys.ts'
import { hashToken } from '../../src/domain/records/tokens.ts'
import { watchLinks } from '../../src/http/delivery/link-watch.ts'
import { ranks, type Events, type Store } from '../../src/ports.ts'
import { startWeb, type TestWeb } from '../support/app.ts'
import { bearer, postShare } from '../support/client.ts'
import { jpeg } from '../support/pictures.ts'
import { openTestPorts } from '../support/ports.ts'
import { onBusyMachine } from '../support/timing.ts'
import { share } from '../domain/sharing.ts'

let web: TestWeb
beforeAll(async () => {
  web = await startWeb()
})
afterAll(() => web.close())

/** A server whose answers `use` is given; answers its address. */
async function serve(use: express.RequestHandler): Promise<{ url: string; close: () => void }> {
  const server = createServer(express().use(use))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() }
}

describe('an event stream', () => {
  it('ends its subscription also for a client that left before it stood', async () => {
    const { ownerKey } = await postShare(web.url, { 'a.jpg': await jpeg() })
    const { events } = web.ports
    const subscribe = events.subscribe.bind(events)
    let standing = 0
    let subscribed = (): void => {}
    const hasSubscribed = new Promise<void>((resolve) => (subscribed = resolve))
    const slow: Pick<Events, 'subscribe'> = {
      async subscribe(channel, listener) {
        await sleep(300)
        const end = await subscribe(channel, listener)
        standing += 1
        subscribed()
        return async () => {
          standing -= 1
          await end()
        }
      },
    }
    Object.assign(events, slow)
    const req = request(`${web.url}/api/v1/events`, { headers: bearer(ownerKey) })
    req.on('error', () => {})
    req.end()
    await once(req, 'response')
    req.destroy()
    await hasSubscribed
    await expect.poll(() => standing).toBe(0)
    Object.assign(events, { subscribe })
  })
})

describe('an event stream of an owner whose key is changed', () => {
  it('ends within 5 seconds, and the new key opens one', async () => {
    const { ownerKey } = await postShare(web.url, { 'a.jpg': await jpeg() })
    const stream = await fetch(`${web.url}/api/v1/events`, { headers: bearer(ownerKey) })
    const ended = stream.text().then(() => Date.now())
    const rotated = await fetch(`${web.url}/api/v1/owner/key/rotate`, {
      method: 'POST',
      headers: bearer(ownerKey),
    })
    const rotatedAt = Date.now()
    expect((await ended) - rotatedAt).toBeLessThan(onBusyMachine(5000))
    const next = (await rotated.json()) as { ownerKey: string }
    const leave = new AbortController()
    const again = await fetch(`${web.url}/api/v1/events`, {
      headers: bearer(next.ownerKey),
      signal: leave.signal,
    })
    expect(again.status).toBe(200)
    leave.abort()
  })
})

describe('the watch on running downloads', () => {
  it('does not go on asking for a visitor who left while the gate was asked', async () => {
    const { secret } = await share(web.ports)
    let asked = 0
    const store: Store = {
      ...web.ports.store,
      read: (queries) => {
        asked += 1
        return web.ports.store.read(queries)
      },
    }
    const watch = watchLinks({ ...web.ports, store })
    let added = (): void => {}
    const hasAdded = new Promise<void>((resolve) => (added = resolve))
    let came = (): void => {}
    const hasCome = new Promise<void>((resolve) => (came = resolve))
    const server = await serve((_req, res) => {
      came()
      res.once('close', () => {
        watch.add({ secret, sessionOf: () => null }, res)
        added()
      })
    })
    const req = request(server.url)
    req.on('error', () => {})
    req.end()
    await hasCome
    req.destroy()
    await hasAdded
    await sleep(4500)
    watch.stop()
    server.close()
    expect(asked).toBe(0)
  })

  it('breaks the downloads of whoever left, and nobody else’s', async () => {
    const { ports } = web
    const { owner, album } = await share(ports)
    const wish = {
      label: '',
      until: { expiresInDays: 3 },
      password: 'open sesame',
      metadata: 'no-location',
    } as const
    const { link, secret } = await newLink(ports, owner, [album.id], wish)
    await openEntrance(ports, link)
    await changeOwner(ports.store, owner.id, (changing) => Promise.resolve(writeLink(changing, link)))
    const session = (token: string) => keys.session(owner.id, link.id, hashToken(token))
    for (const token of ['ada', 'bob'])
      await ports.store.commit({ writes: [{ kind: 'set', key: session(token), value: '1' }] })
    const watch = watchLinks(ports)
    const server = await serve((req, res) => {
      watch.add({ secret, sessionOf: () => req.path.slice(1) }, res)
      res.write('begun')
    })
    const ended: string[] = []
    for (const token of ['ada', 'bob']) {
      const req = request(`${server.url}/${token}`)
      req.on('error', () => {})
      req.end()
      const [res] = (await once(req, 'response')) as [IncomingMessage]
      res.on('error', () => {}).on('close', () => ended.push(token))
      res.resume()
    }
    await ports.store.commit({ writes: [{ kind: 'remove', key: session('bob') }] })
    await expect.poll(() => ended, { timeout: 10_000 }).toEqual(['bob'])
    await ports.store.commit({ writes: [{ kind: 'remove', key: session('ada') }] })
    await expect.poll(() => ended, { timeout: 10_000 }).toEqual(['bob', 'ada'])
    watch.stop()
    server.close()
  })

  it('is told of what ends links or narrows them, and does not wait for its own round', async () => {
    const ports = await openTestPorts()
    const { owner, album } = await share(ports)
    const wish = { title: '', sender: '', description: '' }
    const [members] = await ports.store.read([ranks(keys.albumItems(owner.id, album.id))])
    const item = members[0]?.member ?? ''
    const doomed = await makeAlbumOf(ports, owner.id, { kind: 'manual', wish, items: [item] })
    const make = (password: string | null) =>
      createLink(ports, owner, [doomed.id], {
        label: '',
        until: { expiresInDays: 3 },
        metadata: 'no-location',
        password,
      })
    const watch = watchLinks(ports, { everyMs: 3_600_000 })
    // Answers when Redis has confirmed the watch's own subscription.
    await ports.events.subscribe(gateChannel, () => {})
    const ways: Record<string, (link: Link) => Promise<unknown>> = {
      stopped: (link) => stopSharing(ports, { owner: owner.id, link: link.id }),
      'given a password': (link) => editLink(ports, owner, link.id, { password: 'open sesame' }),
      moved: (link) => editLink(ports, owner, link.id, { secret: null }),
      left: (link) => leave(ports, link, 'token'),
      'stopped with all others': () => stopAll(ports, { owner: owner.id }),
      'without one of its items': () => markPrivate(ports, owner.id, [item], true),
      'without its album': () => deleteAlbum(ports, owner.id, doomed.id),
    }
    for (const [way, end] of Object.entries(ways)) {
      const { link, secret } = await make(way === 'left' ? 'sesame' : null)
      const session = keys.session(owner.id, link.id, hashToken('token'))
      await ports.store.commit({ writes: [{ kind: 'set', key: session, value: sessionValue(link) }] })
      const server = await serve((_req, res) => {
        watch.add({ secret, sessionOf: () => 'token' }, res, {
          name: item,
          ask: (asked, credentials) => authorizeForItem(asked, credentials, item),
        })
        res.write('begun')
      })
      const req = request(server.url)
      req.on('error', () => {})
      req.end()
      const [res] = (await once(req, 'response')) as [IncomingMessage]
      let hasEnded = false
      res.on('error', () => {}).on('close', () => (hasEnded = true))
      res.resume()
      await end(link)
      await expect.poll(() => hasEnded, { message: way }).toBe(true)
      server.close()
    }
    watch.stop()
    await ports.close()
  })
})
