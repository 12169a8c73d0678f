import type { OwnerPageModels } from './owner-page-views.ts'

/** What each page is made of. Everything is ready to show: words, dates and sizes are already the reader's. */
export interface PageModels extends OwnerPageModels {
  share: SharePage
  item: ItemPage
  locked: LockedPage
  ended: object
  unknown: object
  offline: object
  error: ErrorPageModel
  start: StartPage
  shares: SharesPage
}

/** What link previews show of a page (ogp.me; Twitter reads the same). */
export interface Preview {
  readonly title: string
  readonly description: string
  readonly url: string
  /** Absolute; 1200 × 630. */
  readonly image: string
  readonly imageAlt: string
}

export interface Tile {
  readonly id: string
  readonly name: string
  /** `r133`: the class of the nearest of a few aspect ratios. */
  readonly ratio: string
  /** `CR2`: shown in place of a picture that no program here can make; null where there is one. */
  readonly typeName: string | null
  readonly width: number
  readonly height: number
  /** Width of the picture for phones in pixels; null where the thumb is all there is. */
  readonly smallWidth: number | null
  readonly alt: string
  /** Long edge of the preview in pixels. */
  readonly edge: number
  readonly thumbhash: string | null
  /** `0:32` for videos. */
  readonly duration: string | null
  readonly isVideo: boolean
  readonly isLive: boolean
  /** A photo of which something moves, and can be played. */
  readonly hasMotion: boolean
  readonly isDownloadable: boolean
  /** Bytes of what would be downloaded. */
  readonly size: number
}

export interface TileGroup {
  /** Null: no heading. */
  readonly heading: string | null
  readonly id: string
  readonly tiles: readonly Tile[]
}

export interface ShareSection {
  /** The album's title, where a link opens several. */
  readonly title: string | null
  readonly description: string | null
  readonly groups: readonly TileGroup[]
}

export interface SharePage {
  readonly preview: Preview
  readonly base: string
  readonly title: string
  readonly description: string | null
  readonly sender: string | null
  readonly summary: string
  readonly timeLeft: string
  readonly until: string
  readonly untilMachine: string
  readonly sections: readonly ShareSection[]
  readonly isEmpty: boolean
  /** How many are still being prepared. */
  readonly preparing: number
  readonly preparingNote: string | null
  readonly withheldNote: string | null
  readonly canDownload: boolean
  /** How large everything is, as people read it; null while it cannot be downloaded as a whole. */
  readonly allSize: string | null
  readonly pages: Pages | null
  readonly hasPassword: boolean
  /** Where all of it is as a ZIP. */
  readonly zip: string
  /** Where the map is; null where the link tells no places. */
  readonly map: string | null
  /** Where all albums of the link are, on the page of one of them. */
  readonly allAlbums: string | null
}

export interface Pages {
  readonly page: number
  readonly pages: number
  readonly earlier: string | null
  readonly later: string | null
}

export interface ItemPage {
  readonly preview: Preview
  readonly base: string
  readonly id: string
  readonly name: string
  readonly alt: string
  readonly isVideo: boolean
  readonly isReady: boolean
  readonly hasVideo: boolean
  readonly width: number
  readonly height: number
  readonly position: string
  readonly previous: string | null
  readonly next: string | null
  readonly back: string
  readonly downloadSize: string | null
  readonly isLive: boolean
  readonly hasMotion: boolean
  readonly notes: readonly string[]
  readonly details: readonly { readonly term: string; readonly text: string; readonly href?: string }[]
}

export interface LockedPage {
  /** Where the password is sent. */
  readonly action: string
  readonly preview: Preview
  /** What was wrong with the last try. */
  readonly problem: string | null
}

export interface ErrorPageModel {
  readonly message: string
  /** Where “try again” leads; null where trying again cannot help. */
  readonly again: string | null
}

export interface StartPage {
  /** True where a password for senders is set and this browser has not given it. */
  readonly asksPassword: boolean
  /** What was wrong with the last try. */
  readonly problem: string | null
  readonly hasShares: boolean
  readonly limits: { readonly text: string; readonly maxFileBytes: number; readonly maxItems: number }
  readonly days: readonly {
    readonly days: number
    readonly label: string
    /** What visitors of such a link would read: `30 days left · until 2 December`. */
    readonly left: string
    readonly isDefault: boolean
  }[]
  /** Where programs send what they share. */
  readonly address: string
}

export interface SharesPage {
  readonly open: readonly SharedLink[]
  readonly ended: readonly SharedLink[]
  readonly isEmpty: boolean
  readonly justStopped: boolean
  /** A sentence; null where nothing was left out. */
  readonly leftOut: string | null
  /** Where older links stand. */
  readonly older: string | null
}

export interface SharedLink {
  readonly id: string
  /** Made a moment ago. */
  readonly isNew: boolean
  readonly title: string
  readonly summary: string | null
  readonly url: string | null
  readonly timeLeft: string
  readonly hasPassword: boolean
  readonly visits: string
  /** Ended, and its grace not over. */
  readonly isRenewable: boolean
  /** What stopping deletes. */
  readonly deletes: string
}
export interface MapDrawing {
  readonly name: string
  readonly width: number
  readonly height: number
  /** Made by the server of its own data. */
  readonly drawing: string
  readonly markers: readonly {
    readonly x: number
    readonly y: number
    readonly count: string
    readonly radius: number
    readonly address: string
    readonly label: string
  }[]
  readonly out: string | null
}
export interface MapPage {
  readonly base: string
  readonly title: string
  /** The same for several widths. */
  readonly drawings: readonly MapDrawing[]
  readonly whole: string | null
  readonly attribution: string
  readonly items: readonly { readonly address: string; readonly thumb: string; readonly place: string }[]
  readonly isEmpty: boolean
}
