import { all, button, find, make, maybe } from './dom.ts'
import { sizeWords, t } from './messages.ts'

/** The tick boxes of what can be downloaded, in the order of the page. */
const boxes = (form: HTMLFormElement): HTMLInputElement[] => all(form, 'input[name=items]', HTMLInputElement)

/**
 * Selecting: ticks on every picture, ranges with shift, whole days, and a bar that says how many and how much.
 * `Escape` ends it.
 */
export class Selection {
  private readonly bar: HTMLElement
  private readonly status = make('span')
  private readonly download = button('primary', 'download', t('download'))
  private last: HTMLInputElement | null = null
  private isOn = false
  private readonly listeners: (() => void)[] = []

  constructor(private readonly form: HTMLFormElement) {
    this.status.setAttribute('role', 'status')
    const every = button('quiet', 'square-check', t('selectAll'))
    const close = button('quiet icon-only', 'x', t('cancel'))
    this.bar = make('div', 'bar', close, this.status, every, this.download)
    this.bar.hidden = true
    maybe(form, '.bar', HTMLElement)?.remove()
    form.append(this.bar)

    close.addEventListener('click', () => this.set(false))
    every.addEventListener('click', () => this.tickAll(boxes(form)))
    this.download.addEventListener('click', () => this.downloadTicked())
    form.addEventListener('click', (event) => this.onClick(event))
    form.addEventListener('change', () => this.show())
    document.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && this.isOn) this.set(false)
    })
    // Back from a download or another page, browsers restore ticks.
    this.set(boxes(form).some(({ checked }) => checked))
  }

  /** Adds a button to the bar; `onChange` hears of every change of what is ticked. */
  add(extra: HTMLButtonElement, onChange: () => void): void {
    this.download.before(extra)
    this.listeners.push(onChange)
  }

  ticked(): HTMLInputElement[] {
    return boxes(this.form).filter(({ checked }) => checked)
  }

  set(isOn: boolean): void {
    this.isOn = isOn
    this.form.classList.toggle('selecting', isOn)
    this.bar.hidden = !isOn
    for (const toggle of all(this.form, '[data-action=select]', HTMLElement))
      toggle.setAttribute('aria-pressed', String(isOn))
    for (const day of all(this.form, '[data-action=select-day]', HTMLElement)) day.hidden = !isOn
    if (!isOn) for (const box of boxes(this.form)) box.checked = false
    this.last = null
    this.show()
  }

  private onClick(event: MouseEvent): void {
    const { target } = event
    if (!(target instanceof Element)) return
    if (target.closest('[data-action=select]')) return this.set(!this.isOn)
    const day = target.closest('[data-action=select-day]')
    if (day) {
      const grid = day.closest('.day')?.nextElementSibling
      if (grid) this.tickAll(all(grid, 'input[name=items]', HTMLInputElement))
    } else if (target instanceof HTMLInputElement && target.name === 'items')
      this.range(target, event.shiftKey)
  }

  /** Ticks all of `some`, or none of them where all are ticked. */
  private tickAll(some: readonly HTMLInputElement[]): void {
    const tick = some.some(({ checked }) => !checked)
    for (const box of some) box.checked = tick
    this.show()
  }

  private range(box: HTMLInputElement, isRange: boolean): void {
    const list = boxes(this.form)
    if (isRange && this.last) {
      const [from, to] = [list.indexOf(this.last), list.indexOf(box)].sort((a, b) => a - b)
      for (const between of list.slice(from, (to ?? 0) + 1)) between.checked = box.checked
      this.show()
    }
    this.last = box
  }

  private show(): void {
    const ticked = this.ticked()
    const bytes = ticked.reduce((sum, { dataset }) => sum + Number(dataset['size']), 0)
    const values = { count: ticked.length, size: sizeWords(bytes) }
    this.status.textContent = t(ticked.length > 0 ? 'selectedSize' : 'selected', values)
    this.download.disabled = ticked.length === 0
    for (const listener of this.listeners) listener()
  }

  /** One as the file that it is, more as a ZIP: plain navigations, so that the browser shows the progress. */
  private downloadTicked(): void {
    const [first, second] = this.ticked()
    if (first && !second && !first.closest('.tile')?.querySelector('.live')) {
      const link = make('a')
      link.href = `${this.form.dataset['base']}/items/${first.value}/download`
      link.download = ''
      link.click()
    } else this.form.requestSubmit()
  }
}

export const selectionIn = (root: ParentNode): Selection =>
  new Selection(find(root, '#selection', HTMLFormElement))
