import type { Store } from '../../ports.ts'
import { value } from '../../ports.ts'
import { keys } from './keys.ts'
import { recordVersion } from './records.ts'

/** The store holds records of a newer program: this one would take them for damaged. */
export class StoreTooNew extends Error {
  override readonly name = 'StoreTooNew'

  constructor(found: string) {
    super(
      `The store holds records of version ${found}, and this program knows them up to version ${recordVersion}. ` +
        'Start the newer program that wrote them, or bring the store back from a backup made before it.',
    )
  }
}

/** Throws StoreTooNew where a newer program has written to the store. */
export async function checkSchema(store: Store): Promise<void> {
  const [found] = await store.read([value(keys.schema)])
  // No number is of no version that this program knows.
  if (found !== null && !(Number(found) <= recordVersion)) throw new StoreTooNew(found)
}

/** Notes in the store that its records may be of this program's version from now on. Throws StoreTooNew. */
export async function noteSchema(store: Store): Promise<void> {
  for (;;) {
    await checkSchema(store)
    const [found] = await store.read([value(keys.schema)])
    if (found === String(recordVersion)) return
    const outcome = await store.commit({
      expect: [{ key: keys.schema, value: found }],
      writes: [{ kind: 'set', key: keys.schema, value: String(recordVersion) }],
    })
    if (outcome === 'done') return
  }
}
