import { all, maybe } from './lib/dom.ts'
import { copyOnPress } from './lib/copy.ts'

for (const card of all(document, '.link-card', HTMLElement)) {
  const button = maybe(card, '[data-copy]', HTMLButtonElement)
  const field = maybe(card, '.link', HTMLInputElement)
  if (button && field) copyOnPress(button, field)
}
