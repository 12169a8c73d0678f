/** A share whose files are not all sent: what the page needs to go on after a reload. */
export interface Unfinished {
  readonly album: string
  readonly link: string
  readonly url: string
  readonly expiresAt: string
  readonly title: string
}

const storageKey = 'mayfly-unfinished'
const storeName = 'files'
/** Files are kept in the browser up to this many bytes in all; larger ones are asked for again. */
const mostBytes = 1e9

const fields = ['album', 'link', 'url', 'expiresAt', 'title'] as const

export function remember(share: Unfinished): void {
  // A browser that keeps nothing (private windows, full disks) only loses the way back after a reload.
  attempt(() => localStorage.setItem(storageKey, JSON.stringify(share)))
}

export function recall(): Unfinished | null {
  const text = attempt(() => localStorage.getItem(storageKey))
  const parsed: unknown = attempt(() => JSON.parse(text ?? 'null'))
  if (typeof parsed !== 'object' || parsed === null) return null
  const found = Object.fromEntries(fields.map((name) => [name, Reflect.get(parsed, name)]))
  return isUnfinished(found) ? found : null
}

const isUnfinished = (found: Record<string, unknown>): found is Record<string, unknown> & Unfinished =>
  fields.every((name) => typeof found[name] === 'string')

export async function forget(): Promise<void> {
  attempt(() => localStorage.removeItem(storageKey))
  await withStore('readwrite', (store) => store.clear())
}

function attempt<T>(action: () => T): T | null {
  try {
    return action()
  } catch {
    return null
  }
}

const nameOf = ({ name, size, lastModified }: File): string => `${name}/${size}/${lastModified}`

let kept = 0

/** Keeps a file in the browser until it is sent, unless that would be too much. */
export async function keepFile(file: File): Promise<void> {
  if (kept + file.size > mostBytes) return
  kept += file.size
  await withStore('readwrite', (store) => store.put(file, nameOf(file)))
}

export async function dropFile(file: File): Promise<void> {
  await withStore('readwrite', (store) => store.delete(nameOf(file)))
}

/** The files that were kept and not sent. */
export async function keptFiles(): Promise<File[]> {
  const found: unknown = await withStore('readonly', (store) => store.getAll())
  return Array.isArray(found) ? found.filter((file): file is File => file instanceof File) : []
}

let opening: Promise<IDBDatabase | null> | null = null

function openDatabase(): Promise<IDBDatabase | null> {
  return new Promise((resolve) => {
    const request = attempt(() => indexedDB.open('mayfly', 1))
    if (!request) return resolve(null)
    request.addEventListener('upgradeneeded', () => request.result.createObjectStore(storeName))
    request.addEventListener('success', () => resolve(request.result))
    request.addEventListener('error', () => resolve(null))
  })
}

/** One request to the database; null where there is none, or it failed: keeping files is a kindness, not a promise. */
async function withStore<T>(
  mode: IDBTransactionMode,
  ask: (store: IDBObjectStore) => IDBRequest<T>,
): Promise<T | null> {
  const database = await (opening ??= openDatabase())
  if (!database) return null
  return new Promise((resolve) => {
    const request = attempt(() => ask(database.transaction(storeName, mode).objectStore(storeName)))
    if (!request) return resolve(null)
    request.addEventListener('success', () => resolve(request.result))
    request.addEventListener('error', () => resolve(null))
  })
}
