import { button } from './dom.ts'
import { t } from './messages.ts'
import type { Selection } from './selection.ts'

/** What a share sheet takes at once: iOS refuses more files, and phones have little memory. */
const mostFiles = 25
const mostBytes = 300e6

interface Wanted {
  readonly address: string
  readonly size: number
}

const canShareFiles = (files: File[]): boolean => 'canShare' in navigator && navigator.canShare({ files })

/**
 * “Save to Photos” on phones: the files are fetched first and handed to the share sheet by a tap of their own, since
 * browsers want one, in as many rounds as it takes. Where that fails, they are downloaded.
 */
export function offerSaveToPhotos(selection: Selection): void {
  const isPhone = matchMedia('(hover: none) and (pointer: coarse)').matches
  if (!isPhone || !canShareFiles([new File([''], 'a.jpg', { type: 'image/jpeg' })])) return
  const save = button('', 'image', t('saveToPhotos'))
  const label = save.querySelector('span')
  const say = (text: string): void => {
    if (label) label.textContent = text
  }
  let waiting: Wanted[] = []
  let ready: File[] = []

  function reset(): void {
    waiting = []
    ready = []
    save.disabled = false
    say(t('saveToPhotos'))
  }

  async function fetchRound(): Promise<void> {
    save.disabled = true
    const round = nextRound(waiting)
    waiting = waiting.slice(round.length)
    ready = []
    for (const [index, { address }] of round.entries()) {
      say(t('saving', { done: index + 1, total: round.length }))
      ready.push(await fetchFile(address))
    }
    save.disabled = false
    say(t('saveReady', { count: ready.length }))
  }

  save.addEventListener('click', () => {
    const isSecondTap = ready.length > 0
    if (!isSecondTap) waiting = selection.ticked().flatMap(wantedOf)
    if (!isSecondTap && waiting.length === 0) return
    const step = isSecondTap
      ? navigator.share({ files: ready }).then(() => (waiting.length > 0 ? fetchRound() : reset()))
      : fetchRound()
    step.catch((error: unknown) => {
      const wasClosed = error instanceof DOMException && error.name === 'AbortError'
      reset()
      if (!wasClosed) say(t('saveFailed'))
    })
  })
  selection.add(save, reset)
}

/** The files of a ticked item: a Live Photo has two. */
function wantedOf(box: HTMLInputElement): Wanted[] {
  const tile = box.closest('.tile')
  const link = tile?.querySelector('a')
  if (!link) return []
  const still = { address: `${link.href}/download`, size: Number(box.dataset['size']) }
  return tile?.querySelector('.live')
    ? [still, { address: `${link.href}/download?part=motion`, size: 0 }]
    : [still]
}

function nextRound(wanted: readonly Wanted[]): Wanted[] {
  const round: Wanted[] = []
  let bytes = 0
  for (const file of wanted) {
    bytes += file.size
    if (round.length > 0 && (round.length === mostFiles || bytes > mostBytes)) break
    round.push(file)
  }
  return round
}

async function fetchFile(address: string): Promise<File> {
  const response = await fetch(address)
  if (!response.ok) throw new Error(`the file answered ${response.status}`)
  const type = response.headers.get('content-type') ?? ''
  const header = response.headers.get('content-disposition') ?? ''
  const encoded = /filename\*=UTF-8''([^;]+)/i.exec(header)?.[1]
  const name = encoded ? decodeURIComponent(encoded) : (/filename="([^"]+)"/.exec(header)?.[1] ?? 'photo')
  return new File([await response.blob()], name, { type })
}
