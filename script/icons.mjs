/*
 * Writes client/assets/icons.svg, the sprite of the few icons that the pages use, from lucide (ISC licence). Run it by
 * hand after changing the list: node script/icons.mjs
 */
import { readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const names = [
  'arrow-left',
  'check',
  'chevron-left',
  'chevron-right',
  'circle-alert',
  'circle-check',
  'circle-dot',
  'clock',
  'copy',
  'download',
  'external-link',
  'image',
  'image-plus',
  'info',
  'link',
  'lock',
  'mail',
  'map-pin',
  'pause',
  'play',
  'plus',
  'qr-code',
  'rotate-ccw',
  'share-2',
  'square-check',
  'trash-2',
  'video',
  'wifi-off',
  'x',
  'zoom-in',
]

const symbols = await Promise.all(
  names.map(async (name) => {
    const svg = await readFile(join(root, 'node_modules/lucide-static/icons', `${name}.svg`), 'utf8')
    const shapes = svg
      .replace(/<!--.*?-->/s, '')
      .replace(/^\s*<svg[^>]*>/s, '')
      .replace('</svg>', '')
      .replace(/\s*\n\s*/g, '')
      .replace(/ \/>/g, '/>')
    return `<symbol id="${name}" viewBox="0 0 24 24">${shapes}</symbol>`
  }),
)
const sprite = `<svg xmlns="http://www.w3.org/2000/svg" fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round">\n${symbols.join('\n')}\n</svg>\n`
await writeFile(join(root, 'client/assets/icons.svg'), sprite)
