type Kind<T extends Element> = new () => T

/** The first `selector` under `root` that is of `kind`, or null. */
export function maybe<T extends Element>(root: ParentNode, selector: string, kind: Kind<T>): T | null {
  const found = root.querySelector(selector)
  return found instanceof kind ? found : null
}

/** The same, for what the page is sure to have. Throws when it has not. */
export function find<T extends Element>(root: ParentNode, selector: string, kind: Kind<T>): T {
  const found = maybe(root, selector, kind)
  if (!found) throw new Error(`the page has no ${selector}`)
  return found
}

export function all<T extends Element>(root: ParentNode, selector: string, kind: Kind<T>): T[] {
  return [...root.querySelectorAll(selector)].filter((element): element is T => element instanceof kind)
}

/** Makes an element. Text is text, never markup. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className = '',
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag)
  if (className) element.className = className
  element.append(...children)
  return element
}

const svg = 'http://www.w3.org/2000/svg'

/** An icon of the sprite that the page's other icons come from. */
export function icon(name: string): SVGElement {
  const element = document.createElementNS(svg, 'svg')
  element.setAttribute('class', 'icon')
  element.setAttribute('aria-hidden', 'true')
  const use = document.createElementNS(svg, 'use')
  const sprite = document.querySelector('use')?.getAttribute('href')?.split('#')[0] ?? ''
  use.setAttribute('href', `${sprite}#${name}`)
  element.append(use)
  return element
}

/** The same as markup, for libraries that take nothing else. */
export const iconMarkup = (name: string): string => icon(name).outerHTML

/** A button with an icon before its label. */
export function button(className: string, iconName: string, label: string): HTMLButtonElement {
  const element = make('button', `button ${className}`, icon(iconName), make('span', '', label))
  element.type = 'button'
  return element
}
