import { forget, remember } from './lib/shared-links.ts'

/** Says that somebody looks, once the page is really shown: what only fetches it, or opens it in advance, does not count. */
const path = /^\/s\/[^/]+/.exec(location.pathname)?.[0]

function look(): void {
  if (path === undefined || document.visibilityState !== 'visible') return
  document.removeEventListener('visibilitychange', look)
  navigator.sendBeacon(`${path}/seen`)
  const until = document.querySelector('.intro time')?.getAttribute('datetime')
  if (until) remember({ path, title: document.title, until })
}

document.addEventListener('visibilitychange', look)
setTimeout(look, 1500)

// Declined is forgotten too; undone, the page is looked at again.
document.querySelector('form[action$="/decline"]')?.addEventListener('submit', () => {
  if (path !== undefined) forget(path)
})
