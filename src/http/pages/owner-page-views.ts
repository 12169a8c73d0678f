import type { MapPage, Preview } from './page-views.ts'

/** What the pages of albums, links, the library, maps and the owner key are made of. Words and dates are ready to show. */
export interface OwnerPageModels {
  albums: AlbumsPage
  album: AlbumPage
  linkForm: LinkFormPage
  library: LibraryPage
  key: KeyPage
  map: MapPage
  declined: DeclinedPage
  albumList: AlbumListPage
  shared: object
}

export interface AlbumsPage {
  readonly albums: readonly {
    readonly id: string
    readonly title: string
    readonly facts: readonly string[]
    readonly cover: string | null
  }[]
  readonly older: string | null
}

export interface OwnerTile {
  readonly id: string
  readonly name: string
  /** Null: no picture to show yet. */
  readonly thumb: string | null
  readonly notes: readonly string[]
  readonly isPrivate: boolean
}

export interface LinkLine {
  readonly id: string
  readonly title: string
  readonly url: string | null
  readonly facts: readonly string[]
  readonly isOpen: boolean
  readonly isRenewable: boolean
}

export interface AlbumPage {
  readonly id: string
  readonly heading: string
  /** As its owner wrote it: may be empty. */
  readonly ownTitle: string
  readonly description: string
  readonly sender: string
  readonly isByHand: boolean
  readonly facts: readonly string[]
  readonly items: readonly OwnerTile[]
  readonly links: readonly LinkLine[]
  /** Something of what is shown went wrong and can be tried again. */
  readonly hasFailed: boolean
  readonly isSaved: boolean
  readonly problem: string | null
  readonly pages: { readonly earlier: string | null; readonly later: string | null } | null
}

/** A box to tick. */
interface Box {
  readonly name: string
  readonly label: string
  readonly isOn: boolean
}

export interface LinkFormPage {
  readonly action: string
  readonly heading: string
  readonly isNew: boolean
  readonly problem: string | null
  readonly isSaved: boolean
  readonly url: string | null
  readonly hidden: readonly { readonly name: string; readonly value: string }[]
  readonly label: string
  readonly secret: string
  readonly albums: readonly { readonly id: string; readonly title: string; readonly isChosen: boolean }[]
  readonly days: readonly {
    readonly days: number
    readonly label: string
    readonly isChosen: boolean
    readonly isDefault: boolean
  }[]
  /** What stays when nothing is chosen; null for a new link. */
  readonly now: string | null
  readonly earliest: string
  readonly latest: string
  readonly hasPassword: boolean
  readonly policies: readonly { readonly value: string; readonly label: string; readonly isChosen: boolean }[]
  readonly allow: readonly Box[]
  readonly showsCover: Box
  readonly figures: readonly { readonly term: string; readonly text: string }[]
  readonly renew: { readonly action: string } | null
}

export interface LibraryPage {
  readonly tabs: readonly { readonly address: string; readonly label: string; readonly isCurrent: boolean }[]
  readonly groups: readonly {
    readonly title: string
    readonly summary: string
    readonly depth: number
    readonly covers: readonly string[]
    readonly share: string
  }[]
  readonly isEmpty: boolean
  readonly more: string | null
}

export interface KeyPage {
  readonly hasKey: boolean
  readonly isRotated: boolean
  readonly problem: string | null
}

export interface DeclinedPage {
  readonly action: string
}

export interface AlbumListPage {
  readonly preview: Preview
  readonly base: string
  readonly title: string
  readonly sender: string | null
  readonly summary: string
  readonly timeLeft: string
  readonly until: string
  readonly untilMachine: string
  readonly map: string | null
  readonly zipSize: string | null
  readonly hasPassword: boolean
  readonly albums: readonly {
    readonly title: string
    readonly summary: string
    readonly address: string
    readonly cover: string | null
  }[]
}
