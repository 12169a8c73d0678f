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

// To send the link on: the address without what was opened in it.
const copy = document.querySelector('[data-copy-link]')
if (copy instanceof HTMLButtonElement && path !== undefined && 'clipboard' in navigator) {
  copy.hidden = false
  copy.addEventListener('click', () => {
    navigator.clipboard.writeText(location.origin + path).then(
      () => (copy.lastElementChild ?? copy).replaceChildren(copy.dataset['copied'] ?? ''),
      // Not allowed here: the address bar still has it.
      () => (copy.hidden = true),
    )
  })
}
