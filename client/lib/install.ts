const shared = 'mayfly-shared'

/** Makes the page installable, and able to take what other apps share into it. Browsers allow it over https only. */
export function registerWorker(): void {
  // Without it the page is a page like any other.
  if ('serviceWorker' in navigator)
    navigator.serviceWorker.register('/service-worker.js').catch(() => undefined)
}

/** The files that another app shared into this one, once. */
export async function sharedFiles(): Promise<File[]> {
  if (!new URLSearchParams(location.search).has('shared') || !('caches' in window)) return []
  history.replaceState(null, '', '/')
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
