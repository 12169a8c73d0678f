import { forget } from './shared-links.ts'

/** The least time between two questions, in milliseconds: a page may hold hundreds of pictures that all fail at once. */
const patience = 1000

const path = /^\/s\/[^/]+/.exec(location.pathname)?.[0]
let askedAt = -Infinity

/** Asks whether the link has ended or shut this browser out, and if so shows the page that says it. */
export async function showIfEnded(): Promise<void> {
  if (path === undefined || performance.now() - askedAt < patience) return
  askedAt = performance.now()
  try {
    const { status } = await fetch(path, {
      method: 'HEAD',
      cache: 'no-store',
      headers: { Accept: 'text/html' },
    })
    // 401: its password was changed, or this browser left it elsewhere.
    if (status !== 410 && status !== 401) return
    forget(path)
    location.replace(path)
    // Until the other page is there this one stays as it is: hidden, where it was.
    await new Promise(() => {})
  } catch {
    // Off the net: what failed says nothing of the link.
  }
}

/** Watches the pictures and videos of the page: the first one that is refused because the link has ended tells it. */
export function leaveWhenEnded(): void {
  const look = ({ target }: Event): void => {
    if (target instanceof HTMLImageElement || target instanceof HTMLMediaElement) void showIfEnded()
  }
  // Neither bubbles. A video that was playing stalls first and fails much later.
  document.addEventListener('error', look, true)
  document.addEventListener('stalled', look, true)
  // Back shows a page as it was, and asks for nothing, pictures included.
  const [navigation] = performance.getEntriesByType('navigation')
  if (navigation instanceof PerformanceNavigationTiming && navigation.type === 'back_forward')
    void lookFirst()
  window.addEventListener('pageshow', ({ persisted }) => {
    if (persisted) void lookFirst()
  })
}

/** Shows nothing before it is known that the link is still open. */
async function lookFirst(): Promise<void> {
  const { style } = document.body
  style.visibility = 'hidden'
  askedAt = -Infinity
  await showIfEnded()
  style.visibility = ''
}
