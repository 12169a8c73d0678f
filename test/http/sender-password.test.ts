import { createHash } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import { senderPasswordId } from '../../src/domain/owner/sender-password.ts'
import { hashToken } from '../../src/domain/records/tokens.ts'
import type { Passwords } from '../../src/ports.ts'
import { startWeb, type TestWeb } from '../support/app.ts'
import { form } from '../support/client.ts'
import { jpeg } from '../support/pictures.ts'
import { argon2Passwords } from '../../src/adapters/argon2-passwords.ts'

const password = 'open sesame'
let hashed = 0
const argon2 = argon2Passwords()
const counting: Passwords = {
  hash: (...given) => ((hashed += 1), argon2.hash(...given)),
  verify: (...given) => ((hashed += 1), argon2.verify(...given)),
}

let web: TestWeb
beforeAll(async () => {
  web = await startWeb({ settings: { senderPassword: password }, passwords: counting })
})
afterAll(() => web.close())

/** Everything that Redis holds of this test, keys and values, as one text. */
async function dump(): Promise<string> {
  const redis = new Redis(inject('redisUrl'))
  try {
    const said: string[] = []
    for (const key of await redis.keys(`*${web.ports.prefix}*`))
      said.push(key, (await redis.type(key)) === 'string' ? ((await redis.get(key)) ?? '') : '')
    return said.join('\n')
  } finally {
    redis.disconnect()
  }
}

it('keeps of the sender password an argon2id hash alone, which is reckoned once a process', async () => {
  const session = await fetch(`${web.url}/api/v1/session`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ password }),
  })
  expect(session.status).toBe(204)
  const cookie = session.headers.get('set-cookie')?.split(';')[0] ?? ''
  const send = async () =>
    fetch(`${web.url}/api/v1/shares`, {
      method: 'POST',
      body: form({ 'a.jpg': await jpeg() }),
      headers: { Cookie: cookie },
    })
  for (let times = 0; times < 5; times += 1) expect((await send()).status).toBe(201)
  expect(hashed).toBe(1)

  const kept = await dump()
  expect(kept).toContain('$argon2id$')
  const digest = createHash('sha256').update(password)
  for (const form of [
    password,
    hashToken(password),
    digest.copy().digest('hex'),
    digest.copy().digest('base64'),
  ])
    expect(kept).not.toContain(form)
})

it('is known to another process, and ends every session when it changes', async () => {
  // Another object for the same store is what another process has.
  const elsewhere = () => ({ store: { ...web.ports.store }, passwords: counting })
  const id = await senderPasswordId(elsewhere(), password)
  const both = await Promise.all([
    senderPasswordId(elsewhere(), password),
    senderPasswordId(elsewhere(), password),
  ])
  expect(both).toEqual([id, id])
  const changed = await Promise.all([
    senderPasswordId(elsewhere(), 'another'),
    senderPasswordId(elsewhere(), 'another'),
  ])
  expect(changed[0]).not.toBe(id)
  expect(changed[1]).toBe(changed[0])
  expect(await senderPasswordId(elsewhere(), password)).not.toBe(id)
})
