import { find, make } from './lib/dom.ts'
import { forget, sharedLinks } from './lib/shared-links.ts'

const list = find(document, '[data-shared]', HTMLElement)
const empty = find(document, '[data-empty]', HTMLElement)
const date = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: 'long' })

function show(): void {
  const links = sharedLinks()
  empty.hidden = links.length > 0
  list.replaceChildren(
    ...links.map(({ path, title, until }) => {
      const line = make('li', 'line')
      const text = make('div', '')
      const link = make('a', '')
      link.setAttribute('href', path)
      link.append(make('strong', '', title || (list.dataset['untitled'] ?? '')))
      const ends = (list.dataset['ended'] ?? '').replace('{{date}}', date.format(Date.parse(until)))
      text.append(link, make('span', 'facts', ends))
      const button = make('button', 'button small', list.dataset['forget'] ?? '')
      button.addEventListener('click', () => {
        forget(path)
        show()
      })
      line.append(text, button)
      return line
    }),
  )
}

show()
