import { forget, remember } from './lib/shared-links.ts'

/** Says that somebody looks, once the page is really shown: what only fetches it, or opens it in advance, does not count. */
const path = /^\/s\/[^/]+/.exec(location.pathname)?.[0]

let left = false

function look(): void {
  if (left || path === undefined || document.visibilityState !== 'visible') return
  document.removeEventListener('visibilitychange', look)
  navigator.sendBeacon(`${path}/seen`)
  const until = document.querySelector('.intro time')?.getAttribute('datetime')
  if (until) remember({ path, title: document.title, until })
}

document.addEventListener('visibilitychange', look)
setTimeout(look, 1500)

// Declined is forgotten, and so is what one leaves that has a password; undone or unlocked, the page is looked at again.
for (const form of document.querySelectorAll('form[action$="/decline"], form[action$="/leave"]'))
  form.addEventListener('submit', () => {
    left = true
    if (path !== undefined) forget(path)
  })
