import { call } from '../api.ts'
import { button, icon, make } from '../dom.ts'
import { sizeWords, t } from '../messages.ts'
import type { Upload, UploadQueue } from './upload-queue.ts'

/** What the API's codes mean for one file; anything else is a sentence for people already. */
const problems: Readonly<Record<string, string>> = {
  network: 'networkError',
  conflict: 'networkError',
  'file-changed': 'fileChanged',
  'file-gone': 'fileGone',
  'part-too-large': 'partTooLarge',
  unauthorized: 'signedOut',
  'unsupported-format': 'unsupported',
  'file-too-large': 'tooLargeServer',
  'too-many-items': 'tooManyServer',
  'owner-quota': 'quota',
  'instance-full': 'full',
  'too-many-requests': 'tooManyRequests',
  'too-many-this-hour': 'tooManyThisHour',
  'too-many-today': 'tooManyToday',
  unavailable: 'networkError',
  internal: 'failure',
  unknown: 'gone',
  'bad-request': 'failure',
  'too-slow': 'networkError',
}

/** What a file that is on its way waits out by itself. */
const holds: Readonly<Record<string, string>> = {
  offline: 'offline',
  network: 'noAnswer',
  'too-slow': 'noAnswer',
  unavailable: 'serverBusy',
  internal: 'serverBusy',
  'too-many-requests': 'slowDown',
}

/** Trying again can help: room may be made, a connection come back, somebody sign in again. */
const mayHelp = new Set([
  'network',
  'conflict',
  'owner-quota',
  'instance-full',
  'too-many-items',
  'too-many-requests',
  'unavailable',
  'internal',
  'bad-request',
  'unauthorized',
])

interface Row {
  readonly element: HTMLLIElement
  readonly state: HTMLElement
  readonly progress: HTMLProgressElement
  readonly retry: HTMLButtonElement
}

/** The list of files: a row each with a picture, a bar, and words for where it stands. */
export class FileList {
  private readonly rows = new Map<Upload, Row>()

  constructor(
    private readonly list: HTMLElement,
    private readonly queue: UploadQueue,
    private readonly removed: (upload: Upload) => void,
  ) {}

  add(upload: Upload): void {
    const { file } = upload
    const state = make('p', 'file-state')
    const progress = make('progress')
    progress.max = 1
    progress.setAttribute('aria-label', file.name)
    const retry = button('quiet', 'rotate-ccw', '')
    retry.setAttribute('aria-label', t('retryFile', { name: file.name }))
    retry.addEventListener('click', () => void this.retry(upload))
    const remove = button('quiet', 'x', '')
    remove.setAttribute('aria-label', t('removeFile', { name: file.name }))
    remove.addEventListener('click', () => this.remove(upload))
    const thumb = make('div', 'file-thumb', icon(file.type.startsWith('video/') ? 'video' : 'image'))
    const name = make('p', 'file-name', make('bdi', '', file.name))
    name.title = file.name
    const text = make('div', '', name, state, progress)
    const element = make('li', 'file', thumb, text, make('div', 'file-actions', retry, remove))
    this.rows.set(upload, { element, state, progress, retry })
    this.list.append(element)
    showThumb.observe(thumb)
    filesOf.set(thumb, file)
    this.show(upload)
  }

  show(upload: Upload): void {
    const row = this.rows.get(upload)
    if (!row) return
    const { file, state, sent, problem, hold } = upload
    row.element.dataset['state'] = state
    row.state.textContent = wordsOf(upload)
    row.progress.hidden = state !== 'sending'
    row.progress.value = file.size > 0 ? sent / file.size : 0
    row.retry.hidden = !(state === 'failed'
      ? mayHelp.has(problem ?? '')
      : state === 'sending' && hold !== null)
    const remove = row.retry.nextElementSibling
    if (remove instanceof HTMLElement)
      remove.hidden = !['chosen', 'waiting', 'sending', 'failed'].includes(state)
  }

  /** What has arrived is not sent again, but opened again. */
  private async retry(upload: Upload): Promise<void> {
    const { item } = upload
    if (item === null) return this.queue.retry(upload)
    try {
      await call('POST', `/items/${item}/retry`)
    } catch {
      // It may have been tried meanwhile: the next news tells.
    }
  }

  private remove(upload: Upload): void {
    const row = this.rows.get(upload)
    const next = row?.element.nextElementSibling ?? row?.element.previousElementSibling
    this.queue.remove(upload)
    this.rows.delete(upload)
    row?.element.remove()
    next?.querySelector('button:last-of-type')?.dispatchEvent(new Event('focus'))
    this.removed(upload)
  }
}

/** What a file that is being prepared waits for, by its problem. */
const preparings: Readonly<Record<string, string>> = { later: 'preparingLater', slow: 'preparingSlow' }

function wordsOf({ file, state, sent, problem, hold }: Upload): string {
  const size = sizeWords(file.size)
  const percent = file.size > 0 ? Math.floor((100 * sent) / file.size) : 0
  switch (state) {
    case 'chosen':
      return size
    case 'waiting':
      return `${size} · ${t('waiting')}`
    case 'sending':
      if (holds[hold ?? ''] !== undefined) return `${size} · ${t(holds[hold ?? ''] ?? '')}`
      return `${size} · ${t('uploading', { percent })}`
    case 'sent':
    case 'preparing':
      return `${size} · ${t(preparings[problem ?? ''] ?? 'preparing')}`
    case 'ready':
      return `${size} · ${t('ready')}`
    case 'failed':
      return t(problems[problem ?? ''] ?? sentenceOf(problem), { size: sizeWords(file.size) })
  }
}

/** A code that nobody gave words to says nothing to people. */
const sentenceOf = (problem: string | null): string =>
  problem === null || /^[a-z-]+$/.test(problem) ? 'failure' : problem

const filesOf = new WeakMap<Element, File>()

/** Small pictures of the rows that are in sight, drawn here in the browser. */
const showThumb = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue
    showThumb.unobserve(target)
    const file = filesOf.get(target)
    if (file?.type.startsWith('image/')) void drawThumb(target, file)
  }
})

/** Draws a small picture of `file` into `target`; what the browser cannot show leaves it as it is. */
export async function drawThumb(target: Element, file: File): Promise<void> {
  try {
    const bitmap = await createImageBitmap(file, { resizeWidth: 96, resizeQuality: 'low' })
    const canvas = make('canvas')
    canvas.width = bitmap.width
    canvas.height = bitmap.height
    canvas.getContext('2d')?.drawImage(bitmap, 0, 0)
    bitmap.close()
    target.replaceChildren(canvas)
  } catch {
    // A format that this browser does not show, HEIC in most: the icon stays.
  }
}
