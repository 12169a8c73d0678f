import PhotoSwipe, { type SlideData } from 'photoswipe'
import { iconMarkup, make } from '../dom.ts'
import { showIfEnded } from '../ended.ts'
import { t } from '../messages.ts'
import { slidesOf, type Slide } from './slides.ts'
import { addDetails } from './viewer-details.ts'
import { addSlideshow } from './viewer-slideshow.ts'
import { playMotions } from './viewer-motion.ts'
import { playVideos, videoSlide } from './viewer-video.ts'

/** How many slides from the end further pages are fetched. */
const ahead = 10

/**
 * Opens the viewer at `tile`. The address follows the item, so that it can be shared or reloaded, and Back closes.
 * `loadMore` fetches the page's next part.
 */
export async function openViewer(
  form: HTMLFormElement,
  tile: HTMLElement,
  loadMore: () => Promise<void>,
): Promise<void> {
  await loadStyle(form.dataset['viewerStyle'] ?? '')
  let slides = slidesOf(form)
  const isStill = matchMedia('(prefers-reduced-motion: reduce)').matches
  const viewer = new PhotoSwipe({
    dataSource: [],
    index: Math.max(
      0,
      slides.findIndex((slide) => slide.tile === tile),
    ),
    loop: false,
    bgOpacity: 1,
    wheelToZoom: true,
    showHideAnimationType: isStill ? 'none' : 'zoom',
    ...(isStill ? { zoomAnimationDuration: 0, easing: 'linear' } : {}),
    clickToCloseNonZoomable: false,
    closeSVG: iconMarkup('x'),
    zoomSVG: iconMarkup('zoom-in'),
    arrowPrevSVG: iconMarkup('chevron-left'),
    arrowNextSVG: iconMarkup('chevron-right'),
    closeTitle: t('close'),
    zoomTitle: t('zoom'),
    arrowPrevTitle: t('previous'),
    arrowNextTitle: t('next'),
    errorMsg: t('viewerError'),
    returnFocus: false,
  })
  const current = (): Slide | undefined => slides[viewer.currIndex]
  viewer.addFilter('numItems', () => slides.length)
  viewer.addFilter('itemData', (_, index) => dataOf(slides[index]))
  viewer.addFilter('thumbEl', (thumb, _, index) => slides[index]?.image ?? thumb ?? form)
  viewer.addFilter('placeholderSrc', (_, content) => slides[content.index]?.image.currentSrc ?? false)
  playVideos(viewer)
  // Pictures are fetched ahead before they stand in the page.
  viewer.on('loadError', () => void showIfEnded())

  viewer.on('uiRegister', () => {
    addDownload(viewer, current)
    addDetails(viewer, current)
    addSlideshow(viewer, () => slides.length)
    playMotions(viewer, current)
  })
  viewer.on('afterInit', () => {
    viewer.element?.setAttribute('aria-label', t('viewer'))
    viewer.element?.setAttribute('aria-modal', 'true')
    viewer.element?.setAttribute('dir', 'ltr')
  })
  viewer.on('change', () => {
    const slide = current()
    if (slide) history.replaceState({ viewer: true }, '', slide.address)
    if (viewer.currIndex < slides.length - ahead) return
    void loadMore().then(() => {
      slides = slidesOf(form)
    })
  })
  followHistory(viewer, current)
  viewer.init()
}

function dataOf(slide: Slide | undefined): SlideData {
  if (!slide) return {}
  const { address, width, height } = slide
  if (slide.isVideo) return { type: 'html', html: videoSlide(slide), msrc: slide.image.currentSrc }
  return {
    src: `${address}/preview`,
    msrc: slide.image.currentSrc,
    width,
    height,
    alt: slide.image.alt,
    thumbCropped: true,
  }
}

function addDownload(viewer: PhotoSwipe, current: () => Slide | undefined): void {
  viewer.ui?.registerElement({
    name: 'download',
    order: 8,
    isButton: true,
    tagName: 'a',
    html: iconMarkup('download'),
    title: t('download'),
    ariaLabel: t('download'),
    onInit: (element) => {
      if (!(element instanceof HTMLAnchorElement)) return
      element.download = ''
      viewer.on('change', () => {
        const slide = current()
        element.hidden = !slide?.isDownloadable
        element.href = `${slide?.address}/download`
      })
    },
  })
}

/** Back closes the viewer; closing it otherwise goes back. The focus returns to the tile that was looked at last. */
function followHistory(viewer: PhotoSwipe, current: () => Slide | undefined): void {
  const { title } = document
  history.pushState({ viewer: true }, '', current()?.address ?? location.href)
  let wentBack = false
  const onBack = (): void => {
    wentBack = true
    viewer.close()
  }
  window.addEventListener('popstate', onBack)
  viewer.on('destroy', () => {
    window.removeEventListener('popstate', onBack)
    if (!wentBack) history.back()
    document.title = title
    const link = current()?.link
    link?.focus({ preventScroll: true })
    link?.scrollIntoView({ block: 'nearest' })
  })
}

async function loadStyle(address: string): Promise<void> {
  if (address === '' || document.querySelector(`link[href="${address}"]`)) return
  const style = make('link')
  style.rel = 'stylesheet'
  style.href = address
  await new Promise((resolve) => {
    style.addEventListener('load', resolve)
    style.addEventListener('error', resolve)
    document.head.append(style)
  })
}
