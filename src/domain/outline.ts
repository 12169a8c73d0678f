import type { CaptureDate, MediaKind, MetadataPolicy } from '../media/types.ts'
import type { Write } from '../ports.ts'
import { keys } from './keys.ts'
import { awaitsMotion } from './playable.ts'
import type { Copy, CopyPolicy, Item, StoredObject } from './records.ts'
import { shownName } from './shown-text.ts'

/** A file of an item as recipients under one policy may download it; `copy` is null while it is being made. */
export interface OutlinedFile {
  /** As recipients may learn it. */
  readonly name: string
  readonly copy: Pick<StoredObject, 'size' | 'crc32' | 'sha256'> | 'withheld' | null
}

/** What a whole album's page and ZIP need of each item, under one metadata policy. */
export interface Outline {
  readonly id: string
  readonly kind: MediaKind
  /** Visitors see it: it is neither private nor failed. */
  readonly isShown: boolean
  /** A visitor can look at it already. */
  readonly isReady: boolean
  /** Never to be downloaded under this policy. */
  readonly isWithheld: boolean
  /** All of its files can be downloaded now. */
  readonly isDownloadable: boolean
  /** Bytes of what would be downloaded now. */
  readonly bytes: number
  readonly hasCoordinates: boolean
  /** Something of a photo moves, and does not play yet. */
  readonly awaitsMotion: boolean
  readonly capturedAt: Pick<CaptureDate, 'local' | 'offset'> | null
  /** The file, and the motion of a Live Photo after it. */
  readonly files: readonly OutlinedFile[]
}

// An outline is stored as one line, for the lines of a whole album are read at once. Its cells, with tabs between them:
// the head; the capture date's wall time and zone; then for each file its name, the name that recipients learn where
// that is another, and its copy under each policy.
//
//     1rp--- ⇥ 2026-05-01T18:30:00 ⇥ +02:00 ⇥ IMG_1.jpg ⇥ ⇥ 3500000 305419896 <sha-256> ⇥ 3500000 … ⇥
//
// The head: the form's version, state, kind, then `x` private, `c` coordinates, `m` motion awaited. A copy: its size,
// CRC-32 and SHA-256, `-` where it is withheld, nothing while there is none.

/** Raise it with any change to the form, or to what the cells are made of: lines of another version are made anew. */
const version = '1'

const states = { uploaded: 'u', preparing: 'p', ready: 'r', failed: 'f' } as const
const policies = ['everything', 'no-location', 'none'] as const satisfies readonly MetadataPolicy[]
const fixedCells = 3
const cellsOfFile = 2 + policies.length

/** The line that stands for an item. */
export function lineOf(item: Item): string {
  const { state, type, isPrivate, facts, motion } = item
  const head = [
    version,
    states[state],
    type.kind === 'video' ? 'v' : 'p',
    isPrivate ? 'x' : '-',
    facts?.coordinates ? 'c' : '-',
    awaitsMotion(item) ? 'm' : '-',
  ].join('')
  const { local = '', offset = null } = facts?.capturedAt ?? {}
  return [
    head,
    textCell(local),
    textCell(offset ?? ''),
    ...fileCells(item, item),
    ...(motion ? fileCells(item, motion) : []),
  ].join('\t')
}

function fileCells(item: Item, file: Pick<Item, 'name' | 'original' | 'copies'>): string[] {
  // The policies that take something away show the same name.
  const shown = shownName(item, file.name, 'no-location')
  const copyOf = (policy: CopyPolicy): string => copyCell(file.copies[policy])
  return [
    textCell(file.name),
    shown === file.name ? '' : textCell(shown),
    objectCell(file.original),
    copyOf('no-location'),
    copyOf('none'),
  ]
}

const objectCell = ({ size, crc32, sha256 }: StoredObject): string => `${size} ${crc32} ${sha256}`

function copyCell(copy: Copy | undefined): string {
  if (copy === undefined) return ''
  return copy.state === 'withheld' ? '-' : objectCell(copy)
}

/** As it is, or as JSON where it would not come back from the store or would be taken for something else. */
const textCell = (text: string): string => (/^"|\p{Cc}|\p{Cs}/u.test(text) ? JSON.stringify(text) : text)

/** What keeps the outlines true: belongs to every commit that records an item. */
export const outlineWrite = (item: Item): Write => ({
  kind: 'setField',
  key: keys.outlines(item.owner),
  field: item.id,
  value: lineOf(item),
})

/** Belongs to every commit that takes an item's record away. */
export const outlineRemoval = ({ id, owner }: Pick<Item, 'id' | 'owner'>): Write => ({
  kind: 'removeField',
  key: keys.outlines(owner),
  field: id,
})

/** Whether a stored line can be read: one of another version is none. */
export const isLine = (line: string | null | undefined): line is string => line?.startsWith(version) === true

/**
 * Reads an item's line for recipients under `policy`. Written by hand: 10,000 of them stand before the first byte of a
 * ZIP. Throws where the line is none: better refuse than guess.
 */
export function parseLine(id: string, line: string, policy: MetadataPolicy): Outline {
  const cells = line.split('\t')
  const [head = '', local = '', offset = ''] = cells
  const fileCount = (cells.length - fixedCells) / cellsOfFile
  if (head.length !== 6 || (fileCount !== 1 && fileCount !== 2)) throw brokenLine(id)
  const still = parseFile(id, cells, fixedCells, policy)
  const files = fileCount === 1 ? [still] : [still, parseFile(id, cells, fixedCells + cellsOfFile, policy)]
  const state = head[1]
  const isSeen = flag(id, head, 3, 'x') ? false : state !== states.failed
  let isWhole = isSeen
  let withheld = false
  let bytes = 0
  for (const { copy } of files) {
    if (copy === null) isWhole = false
    else if (copy === 'withheld') {
      isWhole = false
      withheld = true
    } else bytes += copy.size
  }
  if (state !== 'u' && state !== 'p' && state !== 'r' && state !== 'f') throw brokenLine(id)
  if (head[2] !== 'p' && head[2] !== 'v') throw brokenLine(id)
  return {
    id,
    kind: head[2] === 'v' ? 'video' : 'photo',
    isShown: isSeen,
    isReady: state === 'r',
    isWithheld: withheld,
    isDownloadable: isWhole,
    bytes: isWhole ? bytes : 0,
    hasCoordinates: flag(id, head, 4, 'c'),
    awaitsMotion: flag(id, head, 5, 'm'),
    capturedAt:
      local === '' ? null : { local: parseText(local), offset: offset === '' ? null : parseText(offset) },
    files,
  }
}

function flag(id: string, head: string, at: number, sign: string): boolean {
  if (head[at] === sign) return true
  if (head[at] !== '-') throw brokenLine(id)
  return false
}

const policyCell = { everything: 2, 'no-location': 3, none: 4 } as const

function parseFile(id: string, cells: readonly string[], at: number, policy: MetadataPolicy): OutlinedFile {
  const [name, shown] = [cells[at], cells[at + 1]]
  const cell = cells[at + policyCell[policy]]
  if (name === undefined || shown === undefined || cell === undefined) throw brokenLine(id)
  return {
    name: parseText(policy === 'everything' || shown === '' ? name : shown),
    copy: cell === '' ? null : cell === '-' ? 'withheld' : parseCopy(id, cell),
  }
}

const parseText = (cell: string): string => (cell.startsWith('"') ? String(JSON.parse(cell)) : cell)

function parseCopy(id: string, cell: string): Pick<StoredObject, 'size' | 'crc32' | 'sha256'> {
  const first = cell.indexOf(' ')
  const second = cell.indexOf(' ', first + 1)
  if (first <= 0 || second <= first + 1 || cell.length === second + 1) throw brokenLine(id)
  return {
    size: parseCount(id, cell, 0, first),
    crc32: parseCount(id, cell, first + 1, second),
    sha256: cell.slice(second + 1),
  }
}

function parseCount(id: string, cell: string, from: number, to: number): number {
  let count = 0
  for (let index = from; index < to; index += 1) {
    const digit = cell.charCodeAt(index) - 48
    if (!(digit >= 0 && digit <= 9)) throw brokenLine(id)
    count = count * 10 + digit
  }
  return count
}

const brokenLine = (id: string): Error => new Error(`the outline of item ${id} is none`)
