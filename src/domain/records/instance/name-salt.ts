import { randomBytes } from 'node:crypto'
import type { Store } from '../../../ports.ts'
import { value } from '../../../ports.ts'
import { keys, saltNames } from '../keys.ts'

/** Takes the instance's salt for the names in keys from the store, or makes it. */
export async function takeNameSalt(store: Store): Promise<void> {
  const fresh = randomBytes(32).toString('base64url')
  await store.commit({
    expect: [{ key: keys.nameSalt, value: null }],
    writes: [{ kind: 'set', key: keys.nameSalt, value: fresh }],
  })
  const [salt] = await store.read([value(keys.nameSalt)])
  if (salt !== null) saltNames(salt)
}
