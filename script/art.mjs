/*
 * Draws the pictures that stand for Mayfly from client/assets/favicon.svg: the icons of an installed page, and the card
 * of link previews that must not tell anything. Run it by hand after changing the emblem: node script/art.mjs
 */
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'

const assets = join(dirname(fileURLToPath(import.meta.url)), '../client/assets')
const emblem = await readFile(join(assets, 'favicon.svg'))
const paper = '#fbfaf8'

async function draw(width, height, share) {
  const size = Math.round(Math.min(width, height) * share)
  const mark = await sharp(emblem, { density: (72 * size) / 64 })
    .resize(size, size)
    .png()
    .toBuffer()
  return sharp({ create: { width, height, channels: 3, background: paper } }).composite([{ input: mark }])
}

for (const size of [180, 192, 512])
  await (await draw(size, size, 0.62)).png({ palette: true }).toFile(join(assets, `icon-${size}.png`))
await (await draw(1200, 630, 0.6)).jpeg({ quality: 85, mozjpeg: true }).toFile(join(assets, 'card.jpg'))
