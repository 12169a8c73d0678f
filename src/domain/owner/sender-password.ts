import { z } from 'zod'
import type { Ports, Store } from '../../ports.ts'
import { value } from '../../ports.ts'
import { keys } from '../records/keys.ts'
import { randomToken } from '../records/tokens.ts'

/** What the store keeps of SENDER_PASSWORD: by `hash` (argon2id) it is known again, by `id` sessions belong to it. */
const recordSchema = z.object({ hash: z.string(), id: z.string() })

/** By store and password: argon2 is asked once a process, not at each request. */
const known = new WeakMap<Store, Map<string, Promise<string>>>()

/**
 * A random name of this sender password, the same for all processes that have it and gone once another one is set: what a
 * session holds, so that a changed password ends all of them and the store has nothing that tells of it but an argon2id hash.
 */
export function senderPasswordId(
  ports: Pick<Ports, 'store' | 'passwords'>,
  password: string,
): Promise<string> {
  const ofStore = known.get(ports.store) ?? new Map<string, Promise<string>>()
  known.set(ports.store, ofStore)
  const found = ofStore.get(password)
  if (found) return found
  const id = findOrMakeId(ports, password)
  ofStore.set(password, id)
  // Whoever asks next tries again.
  id.catch(() => ofStore.delete(password))
  return id
}

async function findOrMakeId(
  { store, passwords }: Pick<Ports, 'store' | 'passwords'>,
  password: string,
): Promise<string> {
  for (;;) {
    const [raw] = await store.read([value(keys.senderPassword)])
    const record = raw === null ? null : recordSchema.parse(JSON.parse(raw))
    if (record && (await passwords.verify(record.hash, password))) return record.id
    const made = { hash: await passwords.hash(password), id: randomToken() }
    const outcome = await store.commit({
      expect: [{ key: keys.senderPassword, value: raw }],
      writes: [{ kind: 'set', key: keys.senderPassword, value: JSON.stringify(made) }],
    })
    // Another process may have been first, with the same password.
    if (outcome === 'done') return made.id
  }
}
