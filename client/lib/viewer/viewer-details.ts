import type PhotoSwipe from 'photoswipe'
import { iconMarkup, make } from '../dom.ts'
import { showIfEnded } from '../ended.ts'
import { t } from '../messages.ts'
import type { Slide } from './slides.ts'

/** A panel with what the item's own page tells: it is asked for that page, so both always say the same. */
export function addDetails(viewer: PhotoSwipe, current: () => Slide | undefined): void {
  const panel = make('aside', 'pswp-details')
  panel.hidden = true
  panel.tabIndex = 0
  panel.setAttribute('aria-label', t('details'))
  const known = new Map<string, Node | null>()

  async function show(): Promise<void> {
    const address = current()?.address
    if (panel.hidden || !address) return
    if (!known.has(address)) known.set(address, await readAbout(address))
    const about = known.get(address)
    if (current()?.address === address) panel.replaceChildren(...(about ? [about.cloneNode(true)] : []))
  }

  viewer.ui?.registerElement({
    name: 'details',
    order: 9,
    isButton: true,
    html: iconMarkup('info'),
    title: t('details'),
    ariaLabel: t('details'),
    onInit: (element) => {
      element.setAttribute('aria-expanded', 'false')
      viewer.element?.append(panel)
      viewer.on('change', () => void show())
    },
    onClick: (_event: MouseEvent, element: HTMLElement) => {
      panel.hidden = !panel.hidden
      element.setAttribute('aria-expanded', String(!panel.hidden))
      viewer.element?.classList.toggle('pswp--details', !panel.hidden)
      viewer.updateSize(true)
      void show()
    },
  })
  // The panel takes room from the picture instead of covering it.
  viewer.options.paddingFn = (size) => {
    if (panel.hidden) return { top: 0, bottom: 0, left: 0, right: 0 }
    const isWide = size.x >= 700
    return { top: 0, bottom: isWide ? 0 : size.y * 0.45, left: 0, right: isWide ? 340 : 0 }
  }
  for (const name of ['pointerDown', 'wheel', 'keydown'] as const)
    viewer.on(name, (event) => {
      const { target } = event.originalEvent
      if (target instanceof Node && panel.contains(target) && !isEscape(event.originalEvent))
        event.preventDefault()
    })
}

const isEscape = (event: Event): boolean => event instanceof KeyboardEvent && event.key === 'Escape'

async function readAbout(address: string): Promise<Node | null> {
  try {
    const response = await fetch(address, { headers: { Accept: 'text/html' } })
    if (response.status === 410) void showIfEnded()
    const page = new DOMParser().parseFromString(await response.text(), 'text/html')
    const about = page.querySelector('.about')
    const heading = about?.querySelector('h1')
    heading?.replaceWith(make('h2', '', heading.textContent ?? ''))
    return about ? document.adoptNode(about) : null
  } catch {
    // Off the net: the picture is still there, and the next try may do.
    return null
  }
}
