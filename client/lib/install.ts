const shared = 'mayfly-shared'

/** Makes the page installable, and able to take what other apps share into it. Browsers allow it over https only. */
export function registerWorker(): void {
  // Without it the page is a page like any other.
  if ('serviceWorker' in navigator)
    navigator.serviceWorker.register('/service-worker.js').catch(() => undefined)
}

export interface Shared {
  readonly files: readonly File[]
  /** How many more there were that the browser had no room for. */
  readonly left: number
}

/** What another app shared into this one, once; null where this page was opened in another way. */
export async function takeShared(): Promise<Shared | null> {
  const query = new URLSearchParams(location.search)
  if (!query.has('shared')) return null
  history.replaceState(null, '', '/')
  const left = Math.max(0, Math.trunc(Number(query.get('left') ?? 0))) || 0
  // Without a cache there is nothing to find; without a worker, the server sent the browser here.
  const files = 'caches' in window ? await keptInCache().catch(() => []) : []
  return { files, left }
}

async function keptInCache(): Promise<File[]> {
  const cache = await caches.open(shared)
  const files: File[] = []
  for (const request of await cache.keys()) {
    const response = await cache.match(request)
    if (response) {
      const name = decodeURIComponent(response.headers.get('X-Name') ?? 'photo')
      files.push(
        new File([await response.blob()], name, { type: response.headers.get('Content-Type') ?? '' }),
      )
    }
    await cache.delete(request)
  }
  return files
}
