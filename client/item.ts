import { button, find, maybe } from './lib/dom.ts'
import { leaveWhenEnded } from './lib/ended.ts'
import { motionOver, onHold } from './lib/viewer/motion.ts'

/** Arrow keys and swipes go to the neighbours, as in a viewer. */
const go = (rel: 'prev' | 'next'): void => maybe(document, `.step[rel=${rel}]`, HTMLAnchorElement)?.click()
const isReversed = document.documentElement.dir === 'rtl'

document.addEventListener('keydown', (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.target instanceof HTMLMediaElement) return
  if (event.key === 'ArrowLeft') go(isReversed ? 'next' : 'prev')
  if (event.key === 'ArrowRight') go(isReversed ? 'prev' : 'next')
})

let start: Touch | null = null
const stage = maybe(document, '.stage', HTMLElement)
stage?.addEventListener(
  'touchstart',
  (event) => {
    start = event.touches.length === 1 ? (event.touches[0] ?? null) : null
  },
  { passive: true },
)
stage?.addEventListener(
  'touchend',
  (event) => {
    const end = event.changedTouches[0]
    if (!start || !end || event.target instanceof HTMLMediaElement) return
    const [x, y] = [end.clientX - start.clientX, end.clientY - start.clientY]
    start = null
    if (Math.abs(x) < 60 || Math.abs(y) > Math.abs(x) / 2) return
    go(x > 0 === isReversed ? 'next' : 'prev')
  },
  { passive: true },
)

/** What moved around a photo plays while its picture is pressed, or once by its button. */
function playMotion(): void {
  const link = maybe(document, '[data-motion]', HTMLAnchorElement)
  const image = maybe(document, '.whole img', HTMLImageElement)
  if (!link || !image) return
  const play = button('play-motion', 'circle-dot', link.textContent?.trim() ?? '')
  let isPlaying = false
  const motion = motionOver(image, link.href.replace(/\/video$/, ''), (plays) => {
    isPlaying = plays
    play.setAttribute('aria-pressed', String(plays))
  })
  play.setAttribute('aria-pressed', 'false')
  play.addEventListener('click', () => (isPlaying ? motion.stop() : motion.play()))
  link.replaceWith(play)
  onHold(find(document, '.whole', HTMLAnchorElement), () => true, { begin: motion.play, end: motion.stop })
}

leaveWhenEnded()
playMotion()
