import { drawThumb } from './file-list.ts'
import { find, icon, make } from '../dom.ts'
import { locale, t } from '../messages.ts'

const mostPictures = 6

const isVideo = (file: File): boolean => file.type.startsWith('video/')

/** Keeps the panel *What people will see* true while the form is filled in. What depends on ticks alone is CSS's. */
export class WhatPeopleSee {
  private readonly panel: HTMLElement
  private readonly pictures: HTMLElement
  private readonly drawn = new Map<File, HTMLElement>()
  private files: readonly File[] = []

  constructor(private readonly form: HTMLFormElement) {
    this.panel = find(form, '[data-seen]', HTMLElement)
    this.pictures = find(this.panel, '[data-seen-pictures]', HTMLElement)
    form.addEventListener('input', () => this.show())
    this.show()
  }

  /** Tells which files would be shared. */
  setFiles(files: readonly File[]): void {
    if (files.length === this.files.length && files.every((file, index) => file === this.files[index])) return
    this.files = files
    const first = files.slice(0, mostPictures)
    for (const file of this.drawn.keys()) if (!first.includes(file)) this.drawn.delete(file)
    this.pictures.replaceChildren(...first.map((file) => this.pictureOf(file)))
    this.pictures.hidden = first.length === 0
    this.show()
  }

  private pictureOf(file: File): HTMLElement {
    const there = this.drawn.get(file)
    if (there) return there
    const picture = make('span', '', icon(isVideo(file) ? 'video' : 'image'))
    this.drawn.set(file, picture)
    if (file.type.startsWith('image/')) void drawThumb(picture, file)
    return picture
  }

  private show(): void {
    const { panel, form, files } = this
    const field = (name: string): string => String(new FormData(form).get(name) ?? '').trim()
    const { from = '{}', untitled = '' } = panel.dataset
    const sender = field('sender')
    const videos = files.filter(isVideo).length
    const photos = files.length - videos
    const counts = [
      ...(photos > 0 ? [t('photos', { count: photos })] : []),
      ...(videos > 0 ? [t('videos', { count: videos })] : []),
    ]
    say(panel, 'title', field('title') || untitled)
    say(
      panel,
      'about',
      [new Intl.ListFormat(locale).format(counts), sender && from.replace('{}', () => sender)]
        .filter(Boolean)
        .join(' '),
    )
    const chosen = find(form, '[name=expiresInDays]', HTMLSelectElement).selectedOptions[0]
    say(panel, 'left', chosen?.dataset['left'] ?? '')
  }
}

function say(panel: HTMLElement, name: string, text: string): void {
  find(panel, `[data-seen-${name}]`, HTMLElement).textContent = text
}
