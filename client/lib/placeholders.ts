import { thumbHashToRGBA } from 'thumbhash'
import { all } from './dom.ts'

/** Paints a blurred preview of a few bytes (thumbhash) under each picture that has not arrived yet. */
export function paintPlaceholders(root: ParentNode): void {
  const seen = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting || !(target instanceof HTMLElement)) continue
        seen.unobserve(target)
        paint(target)
      }
    },
    { rootMargin: '50% 0px' },
  )
  for (const tile of all(root, '[data-hash]', HTMLElement)) seen.observe(tile)
}

function paint(tile: HTMLElement): void {
  const image = tile.querySelector('img')
  const hash = tile.dataset['hash']
  if (!image || image.complete || !hash) return
  const { w, h, rgba } = thumbHashToRGBA(Uint8Array.from(atob(hash), (letter) => letter.charCodeAt(0)))
  const canvas = document.createElement('canvas')
  canvas.width = w
  canvas.height = h
  canvas.getContext('2d')?.putImageData(new ImageData(new Uint8ClampedArray(rgba), w, h), 0, 0)
  image.before(canvas)
  image.addEventListener('load', () => canvas.remove(), { once: true })
}
