/**
 * What preparing photos costs: thumb, preview and a checked copy without location for 200 photos of 12 MP by the
 * media tools, against sharp alone making the same two renditions, in turns on the same cores in one run.
 * Prints the ratio (limit 1.25) and the memory of the worker with all its children, HEIC included (limit 600 MB).
 *
 *     npx tsx bench/prepare.ts [photos]
 */
import { execFile, fork } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { z } from 'zod'
import { exiftoolPath } from 'exiftool-vendored'
import { mediaTypes } from '../src/media/formats/media-type.ts'
import { openMediaTools } from '../src/media/open-media-tools.ts'

const run = promisify(execFile)
const Times = z.object({ wall: z.number(), cpu: z.number() })
const photos = Number(process.argv[2] ?? 200)
const concurrency = 2
const distinct = 5
const limitRatio = 1.25
const limitMegabytes = 600

if (process.env['BENCH_PART']) await runPart(process.env['BENCH_PART'], process.env['BENCH_FOLDER'] ?? '')
else await main()

async function main(): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'mayfly-bench-'))
  try {
    await generate(folder)
    // In turns, so that a busy neighbour slows both alike.
    const wall: Record<'sharp' | 'mayfly', number[]> = { sharp: [], mayfly: [] }
    const cpu: Record<'sharp' | 'mayfly', number[]> = { sharp: [], mayfly: [] }
    let megabytes = 0
    const rounds = 3
    for (let round = 0; round < rounds; round += 1) {
      for (const part of ['sharp', 'mayfly'] as const) {
        const result = await measure(part, folder)
        wall[part].push(result.wall)
        cpu[part].push(result.cpu)
        if (part === 'mayfly') megabytes = Math.max(megabytes, result.megabytes)
        console.log(`round ${round + 1}  ${part.padEnd(7)} ${describe(result)}`)
      }
    }
    const withHeic = await measure('heic', folder)
    megabytes = Math.max(megabytes, withHeic.megabytes)
    console.log(`HEIC in between    ${describe(withHeic)}`)
    const ratio = median(wall.mayfly) / median(wall.sharp)
    const cpuRatio = median(cpu.mayfly) / median(cpu.sharp)
    console.log(
      `${photos} photos of 12 MP, ${cpus().length} cores, ${concurrency} at once, medians of ${rounds} rounds`,
    )
    console.log(
      `ratio  ${ratio.toFixed(2)} by the clock, ${cpuRatio.toFixed(2)} by processor time (limit ${limitRatio})`,
    )
    console.log(`memory ${Math.round(megabytes)} MB (limit ${limitMegabytes})`)
    if (ratio > limitRatio || megabytes > limitMegabytes) process.exitCode = 1
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

interface Measured {
  /** Seconds by the clock, and of processor time over the part's whole process tree. */
  readonly wall: number
  readonly cpu: number
  readonly megabytes: number
}

function describe({ wall, cpu, megabytes }: Measured): string {
  return `${wall.toFixed(1)} s, ${cpu.toFixed(1)} s processor time, ${Math.round(megabytes)} MB`
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}

/** Five different pictures with a phone's detail, Exif and coordinates; the rest are copies under their own names. */
async function generate(folder: string): Promise<void> {
  const { default: sharp } = await import('sharp')
  const originals = path.join(folder, 'originals')
  await mkdir(originals)
  const script = await exiftoolPath()
  if (typeof script !== 'string') throw new Error('exiftool was not found')
  for (let index = 0; index < Math.min(distinct, photos); index += 1) {
    const file = path.join(originals, `${index}.jpg`)
    const coarse = await sharp({ create: { width: 500, height: 375, channels: 3, background: '#888', noise: { type: 'gaussian', mean: 128, sigma: 40 } } })
      .resize(4000, 3000, { kernel: 'cubic' }).png({ compressionLevel: 1 }).toBuffer() // prettier-ignore
    const fine = await sharp({ create: { width: 4000, height: 3000, channels: 3, background: '#888', noise: { type: 'gaussian', mean: 128, sigma: 14 } } })
      .png({ compressionLevel: 1 }).toBuffer() // prettier-ignore
    await sharp(coarse)
      .composite([{ input: fine, blend: 'soft-light' }])
      .jpeg({ quality: 92 })
      .toFile(file)
    const place = ['-GPSLatitude=48.137', '-GPSLatitudeRef=N', '-GPSLongitude=11.575', '-GPSLongitudeRef=E']
    await run('perl', [
      script,
      '-overwrite_original',
      '-n',
      ...place,
      '-Make=Camera',
      '-DateTimeOriginal=2026:05:01 18:30:00',
      '-Orientation=6',
      file,
    ])
  }
  const heic = path.join(originals, '0.heic')
  await run('heif-enc', [
    '-q',
    '50',
    '-p',
    'x265:preset=ultrafast',
    '-o',
    heic,
    path.join(originals, '0.jpg'),
  ])
  await Promise.all([1, 2, 3].map((index) => copyFile(heic, path.join(originals, `${index}.heic`))))
  for (let index = distinct; index < photos; index += 1) {
    await copyFile(path.join(originals, `${index % distinct}.jpg`), path.join(originals, `${index}.jpg`))
  }
}

/** Runs one part in a process of its own and samples the memory of it and all below it. */
async function measure(part: string, folder: string): Promise<Measured> {
  const child = fork(fileURLToPath(import.meta.url), process.argv.slice(2), {
    execArgv: ['--import', 'tsx'],
    env: { ...process.env, BENCH_PART: part, BENCH_FOLDER: folder },
  })
  let megabytes = 0
  const sampling = setInterval(() => {
    void treeMegabytes(child.pid ?? 0).then((now) => (megabytes = Math.max(megabytes, now)))
  }, 250)
  try {
    return await new Promise((resolve, reject) => {
      child.on('message', (message) => resolve({ ...Times.parse(message), megabytes }))
      child.on('exit', (code) => reject(new Error(`${part} ended with ${code}`)))
    })
  } finally {
    clearInterval(sampling)
  }
}

async function runPart(part: string, folder: string): Promise<void> {
  const originals = path.join(folder, 'originals')
  const names = (await readdir(originals)).sort()
  const jpegs = names.filter((name) => name.endsWith('.jpg'))
  const heics = names.filter((name) => name.endsWith('.heic'))
  const work = await mkdtemp(path.join(folder, 'part-'))
  const times =
    part === 'sharp'
      ? await bySharp()
      : await byMayfly(part === 'heic' ? [...heics, ...jpegs.slice(0, 30), ...heics] : jpegs)
  await rm(work, { recursive: true })
  process.send?.(times)
  process.disconnect()

  async function bySharp(): Promise<z.infer<typeof Times>> {
    // Loaded here only: the media tools load it in their children, and its memory is theirs.
    const { default: sharp } = await import('sharp')
    sharp.cache(false)
    sharp.concurrency(1)
    const prepare = async (name: string) => {
      const source = path.join(originals, name)
      const at = (kind: string) => path.join(work, `${name}-${kind}`)
      const sized = (edge: number) =>
        sharp(source).autoOrient().resize(edge, edge, { fit: 'inside', withoutEnlargement: true })
      await sized(2048).jpeg({ quality: 82 }).toFile(at('preview.jpg'))
      await sized(480).webp({ quality: 75 }).toFile(at('thumb.webp'))
    }
    await prepare(jpegs[0] ?? '')
    return time(jpegs, prepare)
  }

  async function byMayfly(files: string[]): Promise<z.infer<typeof Times>> {
    const limits = { maxPixels: 120_000_000, maxVideoSeconds: 3600, maxPlayableMinutes: 10 }
    const tools = await openMediaTools({ limits, processes: concurrency, directory: path.join(work, 'jobs') })
    const prepare = async (name: string) => {
      const source = path.join(originals, name)
      const type = name.endsWith('.heic') ? mediaTypes.heic : mediaTypes.jpeg
      const output = await mkdtemp(path.join(work, 'item-'))
      const [, cleaned] = await Promise.all([
        tools.render(source, type, output),
        tools.clean(source, type, 'no-location', path.join(output, 'copy')),
      ])
      if (cleaned.state !== 'clean') throw new Error(`${name} was withheld: ${cleaned.reason}`)
      await rm(output, { recursive: true })
    }
    // The children start with the first jobs; sharp's own loading is not counted either.
    await Promise.all(files.slice(0, concurrency).map(prepare))
    const times = await time(files, prepare)
    await tools.close()
    return times
  }
}

async function time(
  names: readonly string[],
  prepare: (name: string) => Promise<void>,
): Promise<z.infer<typeof Times>> {
  const queue = [...names]
  const cpu = await treeCpuSeconds(process.pid)
  const start = performance.now()
  const lane = async () => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) await prepare(name)
  }
  await Promise.all(Array.from({ length: concurrency }, lane))
  return { wall: (performance.now() - start) / 1000, cpu: (await treeCpuSeconds(process.pid)) - cpu }
}

/** Proportional set size (shared pages counted once) of a process and all its descendants. */
async function treeMegabytes(root: number): Promise<number> {
  let kilobytes = 0
  for (const pid of (await tree(root)).keys()) {
    const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'latin1').catch(() => '')
    kilobytes += Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0)
  }
  return kilobytes / 1024
}

/** Processor time of a process, all its descendants, and those of them that have ended (proc(5), stat fields 14–17). */
async function treeCpuSeconds(root: number): Promise<number> {
  const ticksPerSecond = 100
  let ticks = 0
  for (const fields of (await tree(root)).values()) {
    ticks += fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0)
  }
  return ticks / ticksPerSecond
}

/** The `stat` fields, from the third on, of a process and all below it. */
async function tree(root: number): Promise<Map<number, string[]>> {
  const all = new Map<number, string[]>()
  const children = new Map<number, number[]>()
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    const stat = await readFile(`/proc/${entry}/stat`, 'latin1').catch(() => '')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const parent = Number(fields[1])
    all.set(Number(entry), fields)
    children.set(parent, [...(children.get(parent) ?? []), Number(entry)])
  }
  const found = new Map<number, string[]>()
  const pending = [root]
  for (let pid = pending.pop(); pid !== undefined; pid = pending.pop()) {
    found.set(pid, all.get(pid) ?? [])
    pending.push(...(children.get(pid) ?? []))
  }
  return found
}
