import { all, maybe } from './lib/dom.ts'
import { copyOnPress } from './lib/copy.ts'

for (const row of all(document, '.copy-row', HTMLElement)) {
  const button = maybe(row, '[data-copy]', HTMLButtonElement)
  const field = maybe(row, 'input', HTMLInputElement)
  if (button && field) copyOnPress(button, field)
}
