import { ApiError, call, fieldOf, textOf } from './lib/api.ts'
import { copyOnPress } from './lib/copy.ts'
import { find, make, maybe } from './lib/dom.ts'
import { droppedFiles, isMedia } from './lib/uploads/dropped-files.ts'
import { FileList } from './lib/uploads/file-list.ts'
import { registerWorker, takeShared } from './lib/install.ts'
import { followItems, type News } from './lib/item-news.ts'
import { locale, sizeWords, t } from './lib/messages.ts'
import { Pace } from './lib/uploads/pace.ts'
import {
  dropFile,
  forget,
  keepFile,
  keptFiles,
  recall,
  remember,
  type Unfinished,
} from './lib/uploads/unfinished.ts'
import { keepAwake } from './lib/uploads/wake-lock.ts'
import { UploadQueue, type Upload } from './lib/uploads/upload-queue.ts'
import { WhatPeopleSee } from './lib/uploads/what-people-see.ts'

const form = find(document, '[data-share]', HTMLFormElement)
const list = find(document, '[data-list]', HTMLElement)
const summary = find(document, '[data-summary]', HTMLElement)
const rate = find(document, '[data-rate]', HTMLElement)
const total = find(document, '[data-total]', HTMLProgressElement)
const listProblem = find(document, '[data-list-problem]', HTMLElement)
const problem = find(document, '[data-problem]', HTMLElement)
const create = find(document, '[data-create]', HTMLButtonElement)
const pauseButton = find(document, '[data-action=pause]', HTMLButtonElement)
const maxBytes = Number(form.dataset['maxBytes'])
const maxItems = Number(form.dataset['maxItems'])

const seen = new WhatPeopleSee(form)
const pace = new Pace()
// Files come from many sides, and an empty list is answered by the picker.
form.noValidate = true
/** News of an item that came before the answer to its upload. */
const early = new Map<string, News>()
let link: Unfinished | null = null

/** What sends comes once there is something to send. */
const queue = new UploadQueue(
  async (...input) => (await import('./lib/uploads/send-resumable.ts')).sendResumably(...input),
  onChange,
)
const files = new FileList(list, queue, (upload) => {
  void dropFile(upload.file)
  showSoon()
})

function onChange(upload: Upload): void {
  files.show(upload)
  if (upload.state === 'preparing') void dropFile(upload.file)
  const news = upload.item === null ? undefined : early.get(upload.item)
  if (news && upload.state === 'preparing') hear(news)
  keepAwake(link !== null && queue.isSending && !queue.isPaused)
  if (link && !queue.isSending && !queue.uploads.some(({ problem }) => problem === 'network')) void forget()
  showSoon()
}

function addFiles(chosen: readonly File[]): void {
  listProblem.hidden = true
  let room = maxItems - queue.uploads.length
  for (const file of chosen) {
    if (room-- <= 0) {
      say(listProblem, t('tooMany', { items: maxItems }))
      break
    }
    const upload = queue.add(file)
    if (file.size === 0) refuse(upload, t('emptyFile'))
    else if (file.size > maxBytes) refuse(upload, t('tooLarge', { size: sizeWords(maxBytes) }))
    files.add(upload)
    if (link && upload.state !== 'failed') void keepFile(file)
  }
  if (chosen.length === 0) say(listProblem, t('noFiles'))
  find(document, '[data-list-section]', HTMLElement).hidden = queue.uploads.length === 0 && listProblem.hidden
  document.body.classList.toggle('has-files', queue.uploads.length > 0)
  showSoon()
}

function refuse(upload: Upload, reason: string): void {
  upload.state = 'failed'
  upload.problem = reason
}

function say(element: HTMLElement, text: string): void {
  element.textContent = text
  element.hidden = text === ''
}

let isDrawing = false
function showSoon(): void {
  if (isDrawing) return
  isDrawing = true
  requestAnimationFrame(() => {
    isDrawing = false
    show()
  })
}

function show(): void {
  const { uploads } = queue
  const living = uploads.filter(({ state }) => state !== 'failed')
  const failed = uploads.length - living.length
  if (!link) seen.setFiles(living.map(({ file }) => file))
  const bytes = living.reduce((sum, { file }) => sum + file.size, 0)
  const sent = living.reduce((sum, upload) => sum + upload.sent, 0)
  const isReady = living.length > 0 && living.every(({ state }) => state === 'ready')
  const isSent = link !== null && !queue.isSending
  document.body.classList.toggle('has-files', uploads.length > 0)
  const words = !isSent
    ? t('chosen', { count: living.length, size: sizeWords(bytes) })
    : isReady
      ? t('allReady')
      : living.length > 0
        ? t('allUploaded')
        : ''
  const failures = failed > 0 && link ? t('someFailed', { count: failed }) : ''
  const text = [words, failures].filter(Boolean).join(' ')
  if (summary.textContent !== text) summary.textContent = text
  total.hidden = link === null || isSent
  total.value = bytes > 0 ? sent / bytes : 0
  rate.textContent = link === null || isSent ? '' : queue.isPaused ? t('paused') : pace.words(sent, bytes)
  pauseButton.hidden = link === null || isSent
  if (!pauseButton.hidden)
    find(pauseButton, 'span', HTMLElement).textContent = t(queue.isPaused ? 'resumeAll' : 'pauseAll')
}

// ── Choosing ─────────────────────────────────────────────────────────────────────────────────────────────

for (const input of document.querySelectorAll<HTMLInputElement>('[data-files], [data-folder]'))
  input.addEventListener('change', () => {
    const chosen = [...(input.files ?? [])]
    addFiles(input.matches('[data-folder]') ? chosen.filter(isMedia) : chosen)
    input.value = ''
  })

let depth = 0
const dropTitle = find(document, '[data-drop-title]', HTMLElement)
const restingTitle = dropTitle.textContent
function setOver(isOver: boolean): void {
  document.body.classList.toggle('over', isOver)
  dropTitle.textContent = isOver ? (dropTitle.dataset['over'] ?? '') : restingTitle
}
const holdsFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes('Files') ?? false
document.addEventListener('dragenter', (event) => {
  if (!holdsFiles(event)) return
  depth += 1
  setOver(true)
})
document.addEventListener('dragleave', () => {
  depth = Math.max(0, depth - 1)
  if (depth === 0) setOver(false)
})
document.addEventListener('dragover', (event) => {
  if (holdsFiles(event)) event.preventDefault()
})
document.addEventListener('drop', (event) => {
  depth = 0
  setOver(false)
  if (!event.dataTransfer || !holdsFiles(event)) return
  event.preventDefault()
  void droppedFiles(event.dataTransfer).then(addFiles)
})
document.addEventListener('paste', (event) => {
  const pasted = [...(event.clipboardData?.files ?? [])]
  if (pasted.length > 0) addFiles(pasted)
})

// ── Sharing ──────────────────────────────────────────────────────────────────────────────────────────────

form.addEventListener('submit', (event) => {
  event.preventDefault()
  if (!link) void share()
})

async function share(): Promise<void> {
  const fields = new FormData(form)
  const text = (name: string): string => String(fields.get(name) ?? '')
  if (!queue.uploads.some(({ state }) => state === 'chosen')) {
    find(form, '[data-files]', HTMLInputElement).click()
    return
  }
  create.disabled = true
  say(problem, '')
  try {
    const made = await call('POST', '/shares', {
      title: text('title'),
      sender: text('sender'),
      expiresInDays: Number(text('expiresInDays')),
      password: text('password') || null,
      metadata: text('metadata'),
    })
    const madeLink = fieldOf(made, 'link')
    const share = {
      album: textOf(fieldOf(made, 'album'), 'id'),
      link: textOf(madeLink, 'id'),
      url: textOf(madeLink, 'url'),
      expiresAt: textOf(madeLink, 'expiresAt'),
      title: text('title'),
    }
    remember(share)
    for (const { file, state } of queue.uploads) if (state !== 'failed') void keepFile(file)
    begin(share)
  } catch (error) {
    const code = error instanceof ApiError ? error.code : 'internal'
    const known: Record<string, string> = {
      network: 'networkError',
      'too-many-requests': 'tooManyRequests',
      'too-many-this-hour': 'tooManyThisHour',
      'too-many-today': 'tooManyToday',
      'owner-quota': 'quota',
      'instance-full': 'full',
    }
    say(problem, t(known[code] ?? 'failure'))
  } finally {
    create.disabled = false
  }
}

/** Shows the link, and sends what is in the list. */
function begin(share: Unfinished): void {
  link = share
  showLink(share)
  stopFollowing = followItems(share.link, hear)
  queue.start(share.album)
}

/** After a reload or a closed window: what was not sent goes on. */
async function goOn(): Promise<void> {
  const share = recall()
  if (!share) return
  try {
    const state = textOf(await call('GET', `/links/${share.link}`), 'state')
    if (state === 'ended') return await forget()
  } catch (error) {
    // Off the net is no reason to forget; a link that is not there any more is.
    if (!(error instanceof ApiError && error.code === 'network')) return await forget()
  }
  const left = await keptFiles()
  begin(share)
  say(listProblem, t(left.length > 0 ? 'goingOn' : 'chooseAgain'))
  find(document, '[data-list-section]', HTMLElement).hidden = false
  const message = listProblem.textContent
  if (left.length > 0) addFiles(left)
  say(listProblem, message)
}

let stopFollowing = (): void => {}

function hear(news: News): void {
  const upload = queue.uploads.find(({ item }) => item === news.item)
  if (!upload) return void early.set(news.item, news)
  if (news.state === 'ready') upload.state = 'ready'
  else if (news.state === 'failed') {
    upload.state = 'failed'
    upload.problem = news.reason ?? t('failure')
  } else if (upload.item !== null && upload.state !== 'ready') {
    // Also after a failure: its sender may have it tried again.
    upload.state = 'preparing'
    // One that is only being prepared has a reason where that takes long.
    const isSlow = news.state === 'preparing' && news.reason !== null
    upload.problem = news.state === 'waiting' ? 'later' : isSlow ? 'slow' : null
  }
  files.show(upload)
  showSoon()
}

function showLink({ link: id, url, expiresAt, title }: Unfinished): void {
  const result = find(document, '[data-result]', HTMLElement)
  const field = find(result, '[data-link]', HTMLInputElement)
  const copy = find(result, '[data-copy]', HTMLButtonElement)
  field.value = url
  copyOnPress(copy, field, maybe(result, '[data-copy-hint]', HTMLElement))
  find(result, '[data-open]', HTMLAnchorElement).href = url
  find(result, '[data-mail]', HTMLAnchorElement).href =
    `mailto:?subject=${encodeURIComponent(title || t('shareText'))}&body=${encodeURIComponent(url)}`
  const until = new Date(expiresAt).toLocaleDateString(locale, { dateStyle: 'long' })
  find(result, '[data-result-until]', HTMLElement).textContent = t('endsOn', { date: until })
  const sheet = find(result, '[data-action=share-sheet]', HTMLButtonElement)
  if ('share' in navigator) {
    sheet.hidden = false
    sheet.addEventListener('click', () => {
      // Closed without sharing is no failure, and the link can be copied all the same.
      navigator.share({ title: title || t('shareText'), url }).catch(() => field.focus())
    })
  }
  const qr = find(result, '[data-qr]', HTMLElement)
  find(result, '[data-action=qr]', HTMLButtonElement).addEventListener('click', ({ currentTarget }) => {
    if (!qr.querySelector('img')) {
      const image = make('img')
      image.alt = url
      image.width = image.height = 240
      image.src = `/shares/${id}/qr.svg`
      qr.prepend(image)
    }
    qr.hidden = !qr.hidden
    if (currentTarget instanceof HTMLElement) currentTarget.setAttribute('aria-expanded', String(!qr.hidden))
  })
  document.body.classList.add('sharing')
  for (const name of ['hero', 'options', 'drop', 'promises', 'help'])
    find(document, `[data-${name}]`, HTMLElement).hidden = true
  result.hidden = false
  find(document, '[data-after]', HTMLElement).hidden = false
  window.scrollTo({ top: 0 })
  find(result, 'h1', HTMLElement).focus({ preventScroll: true })
}

// What failed for want of a connection goes on by itself.
window.addEventListener('online', () => {
  for (const upload of queue.uploads)
    if (upload.state === 'failed' && upload.problem === 'network') queue.retry(upload)
})

pauseButton.addEventListener('click', () => {
  queue.pause(!queue.isPaused)
  keepAwake(queue.isSending && !queue.isPaused)
  showSoon()
})

// ── Ending ───────────────────────────────────────────────────────────────────────────────────────────────

const dialog = find(document, '[data-stop-dialog]', HTMLDialogElement)
const stop = find(document, '[data-action=stop]', HTMLButtonElement)
stop.addEventListener('click', () => {
  dialog.returnValue = ''
  dialog.showModal()
})
dialog.addEventListener('close', () => {
  if (dialog.returnValue === 'stop') void stopSharing()
})

async function stopSharing(): Promise<void> {
  if (!link) return
  stop.disabled = true
  const keep = find(dialog, '[data-keep]', HTMLInputElement).checked
  for (const upload of [...queue.uploads]) upload.abort.abort()
  queue.pause(true)
  try {
    await call('DELETE', `/links/${link.link}${keep ? '?keep=day' : ''}`)
    stopFollowing()
    await forget()
    location.assign('/shares?stopped=1')
  } catch {
    stop.disabled = false
    queue.pause(false)
    say(listProblem, t('failure'))
  }
}

registerWorker()
void goOn()
void takeShared().then((shared) => {
  if (!shared) return
  if (shared.files.length > 0) addFiles(shared.files)
  if (shared.left > 0) say(listProblem, t('sharedLeft', { count: shared.left }))
  else if (shared.files.length === 0) say(listProblem, t('sharedNone'))
  if (!listProblem.hidden) find(document, '[data-list-section]', HTMLElement).hidden = false
})
