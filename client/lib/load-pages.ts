import { maybe } from './dom.ts'
import { showIfEnded } from './ended.ts'
import { paintPlaceholders } from './placeholders.ts'

/**
 * Large shares come in pages: the next one is fetched when its end comes near, and put below what is there. Where that
 * fails, the links between the pages stay.
 */
export function loadPages(form: HTMLFormElement): { loadMore(): Promise<void> } {
  let loading: Promise<void> | null = null
  const near = new IntersectionObserver(
    (entries) => {
      if (entries.some(({ isIntersecting }) => isIntersecting)) void loadMore()
    },
    { rootMargin: '1500px 0px' },
  )

  function watch(): void {
    near.disconnect()
    const later = maybe(form, '[data-later]', HTMLAnchorElement)
    if (later) near.observe(later)
  }

  const loadMore = (): Promise<void> =>
    (loading ??= load().finally(() => {
      loading = null
    }))

  async function load(): Promise<void> {
    const later = maybe(form, '[data-later]', HTMLAnchorElement)
    if (!later) return
    try {
      const response = await fetch(later.href, { headers: { Accept: 'text/html' } })
      if (response.status === 410) return void showIfEnded()
      if (!response.ok) return
      const next = new DOMParser().parseFromString(await response.text(), 'text/html')
      append(next)
      watch()
    } catch {
      // Off the net: the link to the next page is still there.
      near.disconnect()
    }
  }

  function append(next: Document): void {
    const items = maybe(form, '[data-items]', HTMLElement)
    const nav = maybe(form, '.pages', HTMLElement)
    for (const section of next.querySelectorAll('[data-items] > section'))
      items?.append(joined(items, section))
    const nextNav = next.querySelector('.pages')
    nextNav?.querySelector('[rel=prev]')?.remove()
    // On the last page nothing is left to go to.
    if (nextNav?.querySelector('[data-later]')) nav?.replaceWith(nextNav)
    else nav?.remove()
    paintPlaceholders(form)
  }

  watch()
  return { loadMore }
}

/** A day that goes on over the edge of a page goes on under its heading. */
function joined(items: HTMLElement, section: Element): Element {
  const last = [...items.querySelectorAll('.grid')].at(-1)
  const lastHeading = [...items.querySelectorAll('.day h2')].at(-1)
  const first = section.querySelector('.grid')
  const heading = section.querySelector('.day')
  const isSame = heading
    ? heading.querySelector('h2')?.textContent === lastHeading?.textContent
    : !section.querySelector('h2')
  if (last && first && isSame) {
    last.append(...first.children)
    first.remove()
    heading?.remove()
  }
  return section
}
