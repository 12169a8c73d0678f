import type PhotoSwipe from 'photoswipe'
import { make } from '../dom.ts'
import type { Slide } from './slides.ts'

/** Pixels at a video's lower edge where its controls are: dragging there is theirs. */
const controlsHeight = 64

/** The player of a video, as markup: addresses and words are put in as attributes, never as text. */
export function videoSlide({ address, image }: Slide): string {
  const video = make('video')
  video.controls = true
  video.playsInline = true
  video.preload = 'metadata'
  video.poster = `${address}/preview`
  video.src = `${address}/video`
  video.setAttribute('aria-label', image.alt)
  return make('div', 'pswp-video', video).outerHTML
}

/** Plays the video that is looked at, pauses it when it is left, and leaves its controls to it. */
export function playVideos(viewer: PhotoSwipe): void {
  viewer.on('contentActivate', ({ content }) => {
    // Browsers that want a tap for sound refuse; the controls are there.
    void content.element
      ?.querySelector('video')
      ?.play()
      .catch(() => undefined)
  })
  viewer.on('contentDeactivate', ({ content }) => content.element?.querySelector('video')?.pause())
  viewer.on('contentRemove', ({ content }) => content.element?.querySelector('video')?.pause())
  for (const name of ['pointerDown', 'pointerMove'] as const)
    viewer.on(name, (event) => {
      const { originalEvent } = event
      const { target } = originalEvent
      if (!(target instanceof HTMLVideoElement)) return
      if (target.getBoundingClientRect().bottom - originalEvent.clientY < controlsHeight)
        event.preventDefault()
    })
}
