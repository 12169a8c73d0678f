import type { CaptureDate, MediaKind, MetadataPolicy } from '../../media/types.ts'
import type { Write } from '../../ports.ts'
import { changedInStorageText } from './failure.ts'
import { keys } from '../records/keys.ts'
import { awaitsMotion } from './playable.ts'
import type { Copy, CopyPolicy, Item, StoredObject } from '../records/records.ts'
import { shownName } from './shown-text.ts'

/** A file of an item as recipients under one policy may download it; `copy` is null while it is being made. */
export interface OutlinedFile {
  /** As recipients may learn it. */
  readonly name: string
  readonly copy: Pick<StoredObject, 'size' | 'crc32' | 'sha256'> | 'withheld' | 'changed' | null
}

/** What a whole album's page and ZIP need of each item, under one metadata policy. */
export interface ItemSummary {
  readonly id: string
  readonly kind: MediaKind
  /** Visitors see it: it is neither private nor failed. */
  readonly isShown: boolean
  /** A visitor can look at it already. */
  readonly isReady: boolean
  /** Never to be downloaded under this policy. */
  readonly isWithheld: boolean
  /** Whether that comes from bytes that were changed in storage. */
  readonly isChanged: boolean
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

// A summary is stored as one line, so that those of a whole album can be read at once. Its cells, separated by tabs:
// the head; the capture date's wall time and zone; then for each file its name, the names that recipients learn under
// `no-location` and `none` where they are others, and its copy under each policy.
//
//     3rp--- ⇥ 2026-05-01T18:30:00 ⇥ +02:00 ⇥ IMG_1.jpg ⇥ ⇥ ⇥ 3500000 305419896 <sha-256> ⇥ 3500000 … ⇥ .
//
// The head: the form's version, state, kind, then `x` private, `c` coordinates, `m` motion awaited. A copy: its size,
// CRC-32 and SHA-256, `-` where it is withheld, `~` where it was changed in storage, nothing while there is none.

/** Raise it with every change of the form or of what the cells are made of: lines of another version are made again. */
const version = '3'

/** The last cell: it shows that a line was not cut short. */
const end = '.'

/** For visitors an item that waits for another try is still being prepared. */
const states = { uploaded: 'u', preparing: 'p', waiting: 'p', ready: 'r', failed: 'f' } as const
const policies = ['everything', 'no-location', 'none'] as const satisfies readonly MetadataPolicy[]

/** The summary of an item as it is stored. */
export function encodeSummary(item: Item): string {
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
    end,
  ].join('\t')
}

function fileCells(item: Item, file: Pick<Item, 'name' | 'original' | 'copies'>): string[] {
  const shownCell = (policy: CopyPolicy): string => {
    const shown = shownName(item, file.name, policy)
    return shown === file.name ? '' : textCell(shown)
  }
  const copyOf = (policy: CopyPolicy): string => copyCell(file.copies[policy])
  return [
    textCell(file.name),
    shownCell('no-location'),
    shownCell('none'),
    objectCell(file.original),
    copyOf('no-location'),
    copyOf('none'),
  ]
}

const objectCell = ({ size, crc32, sha256, isWrong }: StoredObject): string =>
  isWrong ? '~' : `${size} ${crc32} ${sha256}`

function copyCell(copy: Copy | undefined): string {
  if (copy === undefined) return ''
  if (copy.state === 'withheld') return copy.reason === changedInStorageText ? '~' : '-'
  return objectCell(copy)
}

/** As it is, or as JSON where it would not come back from the store or would be taken for something else. */
const textCell = (text: string): string => (/^"|\p{Cc}|\p{Cs}/u.test(text) ? JSON.stringify(text) : text)

/** What keeps the summaries true: belongs to every commit that records an item. */
export const summaryWrite = (item: Item): Write => ({
  kind: 'setField',
  key: keys.summaries(item.owner),
  field: item.id,
  value: encodeSummary(item),
})

/** Belongs to every commit that takes an item's record away. */
export const outlineRemoval = ({ id, owner }: Pick<Item, 'id' | 'owner'>): Write => ({
  kind: 'removeField',
  key: keys.summaries(owner),
  field: id,
})

const textPattern = String.raw`([^\t]*)`
const copyPattern = String.raw`(?:([-~])|(\d+) (\d+) ([^\t ]+)|)`

function linePattern(policy: MetadataPolicy): RegExp {
  const copies = policies.map((other) => (other === policy ? copyPattern : String.raw`[^\t]*`))
  const names =
    policy === 'none'
      ? [textPattern, String.raw`[^\t]*`, textPattern]
      : [textPattern, textPattern, String.raw`[^\t]*`]
  const file = [...names, ...copies].join(String.raw`\t`)
  const head = `${version}([uprf])([pv])([-x])([-c])([-m])`
  return new RegExp(String.raw`^${head}\t${textPattern}\t${textPattern}\t${file}(?:\t${file})?\t[${end}]$`)
}

const patterns = {
  everything: linePattern('everything'),
  'no-location': linePattern('no-location'),
  none: linePattern('none'),
} as const

/**
 * Reads an item's line for recipients under `policy`. 10,000 of them stand before the first byte of a ZIP: one pattern
 * for all of it is as quick as code by hand, and twice as quick in a process that has just begun. Returns null where
 * the line cannot be read; the caller then makes it again from the item's record.
 */
export function decodeSummary(id: string, line: string, policy: MetadataPolicy): ItemSummary | null {
  const cells = patterns[policy].exec(line)
  try {
    return cells && outlineOf(id, cells, policy)
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

function outlineOf(id: string, cells: RegExpExecArray, policy: MetadataPolicy): ItemSummary {
  const [, state, kind, privacy, coordinates, motion, local = '', offset = ''] = cells
  const files = [fileOf(cells, firstFile, policy)]
  if (cells[secondFile] !== undefined) files.push(fileOf(cells, secondFile, policy))
  const isShown = privacy === '-' && state !== states.failed
  let isDownloadable = isShown
  let isWithheld = false
  let isChanged = false
  let bytes = 0
  for (const { copy } of files) {
    isChanged ||= copy === 'changed'
    isWithheld ||= copy === 'withheld' || copy === 'changed'
    if (copy === null || typeof copy === 'string') isDownloadable = false
    else bytes += copy.size
  }
  return {
    id,
    kind: kind === 'v' ? 'video' : 'photo',
    isShown,
    isReady: state === states.ready,
    isWithheld,
    isChanged,
    isDownloadable,
    bytes: isDownloadable ? bytes : 0,
    hasCoordinates: coordinates === 'c',
    awaitsMotion: motion === 'm',
    capturedAt: local === '' ? null : { local: textOf(local), offset: offset === '' ? null : textOf(offset) },
    files,
  }
}

/** Where a file's groups begin: name, shown name, withheld, size, CRC-32, SHA-256. */
const firstFile = 8
const secondFile = firstFile + 6

function fileOf(cells: RegExpExecArray, at: number, policy: MetadataPolicy): OutlinedFile {
  const shown = cells[at + 1] ?? ''
  const name = policy === 'everything' || shown === '' ? (cells[at] ?? '') : shown
  return { name: textOf(name), copy: copyOf(cells[at + 2], cells[at + 3], cells[at + 4], cells[at + 5]) }
}

function copyOf(
  withheld: string | undefined,
  size: string | undefined,
  crc32: string | undefined,
  sha256: string | undefined,
): OutlinedFile['copy'] {
  if (withheld !== undefined) return withheld === '~' ? 'changed' : 'withheld'
  if (size === undefined || crc32 === undefined || sha256 === undefined) return null
  return { size: Number(size), crc32: Number(crc32), sha256 }
}

/** Throws a SyntaxError where the cell is cut short. */
const textOf = (cell: string): string => (cell.startsWith('"') ? String(JSON.parse(cell)) : cell)
