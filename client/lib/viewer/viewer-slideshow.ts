import type PhotoSwipe from 'photoswipe'
import { iconMarkup } from '../dom.ts'
import { t } from '../messages.ts'

const pictureMs = 4000

/** Shows one picture after the other; videos are played to their end. Any touch or key of the reader stops it. */
export function addSlideshow(viewer: PhotoSwipe, count: () => number): void {
  let timer = 0
  let isOn = false
  let button: HTMLElement | null = null

  function set(on: boolean): void {
    isOn = on
    clearTimeout(timer)
    if (button) {
      button.innerHTML = iconMarkup(on ? 'pause' : 'play')
      const label = t(on ? 'pause' : 'slideshow')
      button.title = label
      button.setAttribute('aria-label', label)
    }
    if (on) schedule()
  }

  function schedule(): void {
    clearTimeout(timer)
    if (!isOn) return
    const video = viewer.currSlide?.content.element?.querySelector('video')
    if (video && !video.ended) video.addEventListener('ended', advance, { once: true })
    else timer = window.setTimeout(advance, pictureMs)
  }

  function advance(): void {
    if (!isOn) return
    if (viewer.currIndex < count() - 1) viewer.next()
    else viewer.goTo(0)
  }

  viewer.ui?.registerElement({
    name: 'slideshow',
    order: 7,
    isButton: true,
    html: iconMarkup('play'),
    title: t('slideshow'),
    ariaLabel: t('slideshow'),
    onInit: (element) => {
      button = element
    },
    onClick: () => set(!isOn),
  })
  viewer.on('change', schedule)
  viewer.on('pointerDown', ({ originalEvent }) => {
    const { target } = originalEvent
    if (isOn && !(target instanceof Element && target.closest('.pswp__button--slideshow'))) set(false)
  })
  viewer.on('keydown', () => {
    if (isOn) set(false)
  })
  viewer.on('destroy', () => set(false))
}
