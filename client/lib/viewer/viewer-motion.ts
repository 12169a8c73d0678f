import type PhotoSwipe from 'photoswipe'
import { iconMarkup, make } from '../dom.ts'
import { t } from '../messages.ts'
import { motionOver, onHold, type Motion } from './motion.ts'
import type { Slide } from './slides.ts'

/** Live Photos and motion photos move while they are pressed, or once by their button. */
export function playMotions(viewer: PhotoSwipe, current: () => Slide | undefined): void {
  const closed = new AbortController()
  let motion: Motion | null = null
  let isPlaying = false
  let button: HTMLElement | null = null

  function begin(): void {
    const slide = current()
    const picture = viewer.currSlide?.content.element
    if (!slide?.hasMotion || !(picture instanceof HTMLImageElement)) return
    motion?.stop()
    motion = motionOver(picture, slide.address, (plays) => {
      isPlaying = plays
      button?.setAttribute('aria-pressed', String(plays))
    })
    motion.play()
  }
  const end = (): void => motion?.stop()

  viewer.ui?.registerElement({
    name: 'motion',
    className: 'pswp-motion pswp__hide-on-close',
    appendTo: 'wrapper',
    isButton: true,
    html: iconMarkup('circle-dot') + make('span', '', t('playMotion')).outerHTML,
    onInit: (element) => {
      button = element
      element.setAttribute('aria-pressed', 'false')
      viewer.on('change', () => {
        end()
        element.hidden = !current()?.hasMotion
      })
    },
    onClick: () => (isPlaying ? end() : begin()),
  })

  const area = viewer.element
  if (!area) return
  const hold = onHold(
    area,
    (target) => target === viewer.currSlide?.content.element && current()?.hasMotion === true,
    { begin, end, signal: closed.signal },
  )
  // A picture that was held was not tapped.
  for (const name of ['tapAction', 'imageClickAction', 'doubleTapAction'] as const)
    viewer.on(name, (event) => {
      if (hold.wasHeld()) event.preventDefault()
    })
  viewer.on('destroy', () => {
    closed.abort()
    end()
  })
}
