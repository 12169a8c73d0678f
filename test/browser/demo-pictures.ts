import sharp from 'sharp'

/** Numbers that look random and are the same each time (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

const skies = [
  ['#274b7a', '#e9a36b', '#f6d9a8'],
  ['#0d2240', '#3a5f8f', '#c7a9a0'],
  ['#6db3e8', '#bfe1f4', '#f4f4ea'],
  ['#35224f', '#b4506a', '#f3a76f'],
  ['#8fb6c9', '#d9e4e2', '#f2eee2'],
  ['#1f5d78', '#7fc0bd', '#efe6c2'],
] as const
const lands = [
  ['#34546b', '#24404f', '#162a33'],
  ['#5b6f4a', '#3d5236', '#243322'],
  ['#8a6a52', '#5f4a3d', '#352a25'],
  ['#4b5d7d', '#333f5c', '#1d2438'],
] as const

const shapes = [
  [1600, 1200],
  [1200, 1600],
  [1600, 1067],
  [1600, 900],
  [1200, 1200],
  [1067, 1600],
] as const

/** A landscape that was never there: hills under a sky, as a JPEG with the date and camera of a photograph. */
export async function landscape(seed: number, takenAt: Date): Promise<Buffer> {
  const random = randomFrom(seed * 7919 + 13)
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] ?? list[0]!
  const [width, height] = pick(shapes)
  const sky = pick(skies)
  const land = pick(lands)
  const horizon = height * (0.45 + random() * 0.2)
  const hills = land.map((color, layer) => {
    const base = horizon + layer * height * 0.13
    const points: string[] = []
    let y = base
    for (let step = 0; step <= 24; step++) {
      y += (random() - 0.5) * height * (0.09 - layer * 0.02) + (base - y) * 0.25
      points.push(`${Math.round((step / 24) * width)},${Math.round(y)}`)
    }
    return `<polygon fill="${color}" points="0,${height} ${points.join(' ')} ${width},${height}"/>`
  })
  const sun = `<circle cx="${Math.round(width * (0.15 + random() * 0.7))}" cy="${Math.round(horizon * (0.35 + random() * 0.45))}" r="${Math.round(height * (0.03 + random() * 0.05))}" fill="#fff3d6" opacity=".9"/>`
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">
<defs><linearGradient id="s" x2="0" y2="1"><stop stop-color="${sky[0]}"/><stop offset=".45" stop-color="${sky[1]}"/><stop offset=".75" stop-color="${sky[2]}"/></linearGradient></defs>
<rect width="100%" height="100%" fill="url(#s)"/>${sun}${hills.join('')}</svg>`
  const date = takenAt.toISOString().slice(0, 19).replaceAll('-', ':').replace('T', ' ')
  return sharp(Buffer.from(svg))
    .withExif({
      IFD0: { Make: 'Fujifilm', Model: 'X100VI' },
      IFD2: {
        DateTimeOriginal: date,
        OffsetTimeOriginal: '+02:00',
        ExposureTime: `1/${Math.round(100 + random() * 400)}`,
        FNumber: '28/10',
        ISOSpeedRatings: '200',
        FocalLength: '23/1',
      },
    })
    .jpeg({ quality: 82 })
    .toBuffer()
}

/** `count` landscapes over some days of a journey, by file name. */
export async function journey(count: number): Promise<Record<string, Buffer>> {
  const files: Record<string, Buffer> = {}
  let at = Date.UTC(2026, 9, 3, 8, 12)
  for (let index = 0; index < count; index++) {
    const random = randomFrom(index + 99)
    at += random() < 0.12 ? 16 * 3_600_000 : random() * 3_000_000
    files[`DSCF${4210 + index}.jpg`] = await landscape(index, new Date(at))
  }
  return files
}
