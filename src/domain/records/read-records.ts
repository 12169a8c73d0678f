import type { z } from 'zod'
import type { Key, Store } from '../../ports.ts'
import { value } from '../../ports.ts'
import { parseRecord, parseRecords } from './records.ts'

/** The record under `key`, or null as `parseRecord` returns it. */
export async function readRecord<T>(store: Store, schema: z.ZodType<T>, key: Key): Promise<T | null> {
  const [raw] = await store.read([value(key)])
  return parseRecord(schema, key, raw)
}

/** The records under `recordKeys`, in that order, with null as `parseRecord` returns it. */
export async function readRecords<T>(
  store: Store,
  schema: z.ZodType<T>,
  recordKeys: readonly Key[],
): Promise<(T | null)[]> {
  if (recordKeys.length === 0) return []
  const raw = await store.read(recordKeys.map((key) => value(key)))
  return parseRecords(schema, recordKeys, raw)
}

/** Those that are there and can be read, in their order. */
export async function readRecordsThere<T>(
  store: Store,
  schema: z.ZodType<T>,
  recordKeys: readonly Key[],
): Promise<T[]> {
  return (await readRecords(store, schema, recordKeys)).filter((record) => record !== null)
}
