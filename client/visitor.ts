import { find, maybe } from './lib/dom.ts'
import { leaveWhenEnded } from './lib/ended.ts'
import { loadPages } from './lib/load-pages.ts'
import { paintPlaceholders } from './lib/placeholders.ts'
import { offerSaveToPhotos } from './lib/save-to-photos.ts'
import { selectionIn } from './lib/selection.ts'

const form = find(document, '#selection', HTMLFormElement)
const menu = find(form, '.share-menu', HTMLDetailsElement)

leaveWhenEnded()
paintPlaceholders(form)
offerSaveToPhotos(selectionIn(document))
refreshWhilePreparing()
equipShareMenu()
openOnTap()
const { loadMore } = loadPages(form)

/** Looks again while pictures are being prepared, less and less often, and puts in what has become ready. */
function refreshWhilePreparing(): void {
  let wait = 2500
  const look = async (): Promise<void> => {
    const notice = maybe(document, '[data-preparing]', HTMLElement)
    if (!notice) return
    if (!document.hidden && !form.classList.contains('selecting')) {
      const before = notice.dataset['preparing']
      await refresh()
      const after = maybe(document, '[data-preparing]', HTMLElement)?.dataset['preparing']
      wait = after === before ? Math.min(wait * 1.4, 30_000) : 2500
    }
    setTimeout(() => void look(), wait)
  }
  setTimeout(() => void look(), wait)
}

async function refresh(): Promise<void> {
  try {
    const response = await fetch(location.href, { headers: { Accept: 'text/html' } })
    if (response.status === 410) return location.reload()
    if (!response.ok) return
    const next = new DOMParser().parseFromString(await response.text(), 'text/html')
    merge(next)
  } catch {
    // No network just now; the next look will do.
  }
}

/** Takes over what is new, and leaves the pictures that are there untouched. */
function merge(next: Document): void {
  const known = new Map(
    [...form.querySelectorAll('.tile')].map((tile) => [tile.querySelector('a')?.id, tile]),
  )
  for (const tile of next.querySelectorAll('.tile')) {
    const old = known.get(tile.querySelector('a')?.id)
    const isSame = old && Boolean(old.querySelector('.tick')) === Boolean(tile.querySelector('.tick'))
    if (isSame) tile.replaceWith(old)
  }
  next.querySelector('.share-menu')?.replaceWith(menu)
  for (const selector of ['.intro', '[data-items]', '.notice[data-preparing]']) {
    const from = form.querySelector(selector)
    const to = next.querySelector(selector)
    if (from && to) from.replaceWith(document.adoptNode(to))
    else from?.remove()
  }
  paintPlaceholders(form)
}

/** What the share menu does beyond showing the address comes when it is first opened. */
function equipShareMenu(): void {
  menu.addEventListener(
    'toggle',
    () => {
      import('./lib/share-menu.ts')
        .then((module) => module.equipShareMenu(menu))
        // Off the net: the address can be selected all the same.
        .catch(() => undefined)
    },
    { once: true },
  )
}

/** The viewer comes with the first tap that wants it; with a key held down, or while it cannot be had, the link is a link. */
function openOnTap(): void {
  form.addEventListener('click', (event) => {
    const { target } = event
    const tile = target instanceof Element ? target.closest('.tile') : null
    const isPlain = !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) && event.button === 0
    if (!(tile instanceof HTMLElement) || !isPlain || form.classList.contains('selecting')) return
    const link = target instanceof Element ? target.closest('a') : null
    // What has no picture has its page, not a slide.
    if (!link || !tile.querySelector('img')) return
    event.preventDefault()
    import('./lib/viewer/viewer.ts')
      .then(({ openViewer }) => openViewer(form, tile, loadMore))
      .catch(() => location.assign(link.href))
  })
}
