import { icon } from './dom.ts'
import { t } from './messages.ts'

/**
 * Copies the text of a field when `button` is pressed, and says so on the button. Where there is no clipboard (http,
 * old browsers) the text is selected, for the reader to copy.
 */
export function copyOnPress(
  button: HTMLButtonElement,
  field: HTMLInputElement,
  hint?: HTMLElement | null,
): void {
  const label = button.querySelector('span')
  const resting = label?.textContent ?? ''
  const restingIcon = button.querySelector('svg')
  let timer = 0
  field.addEventListener('focus', () => field.select())
  button.addEventListener('click', async () => {
    const copied = await copyText(field)
    if (!copied) {
      field.focus()
      field.select()
      if (hint) hint.hidden = false
      return
    }
    clearTimeout(timer)
    button.classList.add('copied')
    if (label) label.textContent = t('copied')
    button.querySelector('svg')?.replaceWith(icon('check'))
    timer = window.setTimeout(() => {
      button.classList.remove('copied')
      if (label) label.textContent = resting
      if (restingIcon) button.querySelector('svg')?.replaceWith(restingIcon)
    }, 2500)
  })
}

async function copyText(field: HTMLInputElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(field.value)
    return true
  } catch {
    // No clipboard, or not allowed: the older way, which needs the text selected.
    field.select()
    return document.execCommand('copy')
  }
}
