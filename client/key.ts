import { find } from './lib/dom.ts'

/** A key that came by a QR code stands in the fragment, which no server sees: it goes into the field, and out of the address. */
const key = /^#([a-z2-7]{52})$/.exec(location.hash)?.[1]

if (key !== undefined) {
  const field = find(document, 'input[name=ownerKey]', HTMLInputElement)
  field.value = key
  history.replaceState(null, '', location.pathname)
  field.form?.querySelector('button')?.focus()
}
