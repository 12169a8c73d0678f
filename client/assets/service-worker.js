/*
 * The sender's page as an app: takes what other apps share into it, and says so when there is no network. It keeps
 * nothing of any share.
 */
const offline = 'mayfly-offline-1'
const shared = 'mayfly-shared'

self.addEventListener('install', (event) => {
  event.waitUntil(keepOfflinePage().then(() => self.skipWaiting()))
})

self.addEventListener('activate', (event) => {
  event.waitUntil(self.clients.claim())
})

self.addEventListener('fetch', (event) => {
  const { request } = event
  const { pathname, origin } = new URL(request.url)
  if (origin !== location.origin) return
  if (request.method === 'POST' && pathname === '/share-target') event.respondWith(takeShared(request))
  else if (request.mode === 'navigate') event.respondWith(fetch(request).catch(() => fromCache('/offline')))
  else if (pathname.startsWith('/assets/')) event.respondWith(fetch(request).catch(() => fromCache(pathname)))
})

async function fromCache(path) {
  return (await (await caches.open(offline)).match(path)) ?? Response.error()
}

/** The page, and the styles and pictures that it names. */
async function keepOfflinePage() {
  const cache = await caches.open(offline)
  const page = await fetch('/offline')
  if (!page.ok) return
  const assets = (await page.clone().text()).match(/\/assets\/[\w.-]+\.(?:css|svg)/g) ?? []
  await cache.put('/offline', page)
  await cache.addAll([...new Set(assets)])
}

/**
 * Puts shared files where the page finds them, and opens the page, whatever happens: it says how many files could not be
 * kept, for a browser gives each site only so much room.
 */
async function takeShared(request) {
  let left = 0
  try {
    const form = await request.formData()
    const cache = await caches.open(shared)
    const files = form.getAll('files').filter((file) => file instanceof File && file.size > 0)
    // One after the other: a large one that does not fit must not take the room of small ones.
    for (const [index, file] of files.sort((one, two) => one.size - two.size).entries())
      await keepShared(cache, `/shared/${Date.now()}-${index}`, file).catch(() => (left += 1))
  } catch {
    // A form that cannot be read at all: the page says that nothing came.
  }
  return Response.redirect(left > 0 ? `/?shared&left=${left}` : '/?shared', 303)
}

const keepShared = (cache, path, file) =>
  cache.put(
    path,
    new Response(file, {
      headers: { 'Content-Type': file.type, 'X-Name': encodeURIComponent(file.name) },
    }),
  )
