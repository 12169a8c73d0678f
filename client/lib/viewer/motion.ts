import { make } from '../dom.ts'

/** Milliseconds that a finger rests on a photo before it moves. */
const holdMs = 300
/** Pixels that it may wander meanwhile. */
const slack = 10

export interface Motion {
  play(): void
  stop(): void
}

/** What moved around a photo, played once over its picture. `address` is the item's own. */
export function motionOver(
  image: HTMLImageElement,
  address: string,
  onChange: (isPlaying: boolean) => void,
): Motion {
  let video: HTMLVideoElement | null = null
  // The viewer changes a picture's size as it opens and zooms.
  const size = new ResizeObserver(() => {
    if (!video) return
    video.style.width = `${image.offsetWidth}px`
    video.style.height = `${image.offsetHeight}px`
  })

  function stop(): void {
    if (!video) return
    const ended = video
    video = null
    ended.pause()
    ended.remove()
    size.disconnect()
    onChange(false)
  }

  function play(): void {
    if (video || !image.isConnected) return
    const made = make('video', 'motion')
    video = made
    made.playsInline = true
    made.src = `${address}/video`
    made.setAttribute('aria-hidden', 'true')
    made.addEventListener('playing', () => made.classList.add('playing'))
    made.addEventListener('ended', stop)
    made.addEventListener('error', stop)
    image.after(made)
    size.observe(image)
    onChange(true)
    made.play().catch(() => {
      // Without a tap before, browsers play only what makes no sound.
      made.muted = true
      if (video === made) made.play().catch(stop)
    })
  }

  return { play, stop }
}

/** Calls `begin` when a picture in `area` is pressed for a moment, and `end` when it is let go. */
export function onHold(
  area: HTMLElement,
  isPicture: (target: EventTarget | null) => boolean,
  { begin, end, signal }: { begin: () => void; end: () => void; signal?: AbortSignal },
): { wasHeld(): boolean } {
  const options = signal ? { signal } : {}
  let timer = 0
  let isDown = false
  let wasHeld = false
  let [x, y] = [0, 0]

  function release(): void {
    clearTimeout(timer)
    if (isDown && wasHeld) end()
    isDown = false
  }

  area.addEventListener(
    'pointerdown',
    (event) => {
      release()
      wasHeld = false
      if (!event.isPrimary || event.button !== 0 || !isPicture(event.target)) return
      isDown = true
      ;[x, y] = [event.clientX, event.clientY]
      timer = window.setTimeout(() => {
        wasHeld = true
        begin()
      }, holdMs)
    },
    options,
  )
  window.addEventListener(
    'pointermove',
    ({ clientX, clientY }) => {
      if (!wasHeld && Math.hypot(clientX - x, clientY - y) > slack) clearTimeout(timer)
    },
    options,
  )
  for (const name of ['pointerup', 'pointercancel'] as const) window.addEventListener(name, release, options)
  // Phones would offer to save the picture, and a link would be followed.
  area.addEventListener('contextmenu', (event) => isDown && event.preventDefault(), options)
  area.addEventListener('dragstart', (event) => isDown && event.preventDefault(), options)
  area.addEventListener('click', (event) => wasHeld && event.preventDefault(), options)
  return { wasHeld: () => wasHeld }
}
