import { all } from '../dom.ts'

/** A tile of the page, as the viewer shows it. */
export interface Slide {
  readonly tile: HTMLElement
  readonly link: HTMLAnchorElement
  readonly image: HTMLImageElement
  /** The item's own page, which is also where its bytes are. */
  readonly address: string
  readonly isVideo: boolean
  /** Something of it moves, and can be played. */
  readonly hasMotion: boolean
  readonly isDownloadable: boolean
  readonly width: number
  readonly height: number
}

const usualEdge = 2048

/** The tiles of the page as slides, those that came later too. */
export function slidesOf(root: ParentNode): Slide[] {
  return all(root, '.tile', HTMLElement).flatMap((tile) => {
    const link = tile.querySelector('a')
    const image = tile.querySelector('img')
    if (!link || !image) return []
    const [width, height] = [Number(image.getAttribute('width')), Number(image.getAttribute('height'))]
    const scale = Number(tile.dataset['edge'] ?? usualEdge) / Math.max(width, height, 1)
    return [
      {
        tile,
        link,
        image,
        address: link.href,
        isVideo: link.classList.contains('video'),
        hasMotion: 'motion' in tile.dataset,
        isDownloadable: tile.querySelector('.tick') !== null,
        width: Math.round(width * scale),
        height: Math.round(height * scale),
      },
    ]
  })
}
