import { copyOnPress } from './copy.ts'
import { find, make } from './dom.ts'
import { t } from './messages.ts'

/** Copying and the device's own share sheet, where there is one. The address and its QR code are there without. */
export function equipShareMenu(menu: HTMLDetailsElement): void {
  const field = find(menu, 'input', HTMLInputElement)
  copyOnPress(
    find(menu, '[data-copy]', HTMLButtonElement),
    field,
    find(menu, '[data-copy-hint]', HTMLElement),
  )
  const sheet = find(menu, '[data-sheet]', HTMLButtonElement)
  sheet.hidden = !('share' in navigator)
  sheet.addEventListener('click', () => {
    navigator.share({ title: document.title, url: field.value }).catch((error: unknown) => {
      // Closed without sharing is no failure.
      if (error instanceof DOMException && error.name === 'AbortError') return
      sheet.after(make('span', 'hint', t('failure')))
    })
  })
  document.addEventListener('click', ({ target }) => {
    if (target instanceof Node && !menu.contains(target)) menu.open = false
  })
  menu.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || !menu.open) return
    event.stopPropagation()
    menu.open = false
    menu.querySelector('summary')?.focus()
  })
}
