/*
 * Bundles the browser's part into dist/client: each top-level .ts and .css file of client/ is an entry (client/lib holds
 * what they share), each file of client/assets goes as it is. Names carry a hash of the content, so that they may be
 * cached for ever; manifest.json, written last, tells which name stands for which file:
 *   { "visitor.js": "visitor-ABC.js", "style.css": "style-DEF.css", "favicon.svg": "favicon-GHI.svg" }
 * What compresses has .br and .gz siblings.
 */
import { createHash } from 'node:crypto'
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { dirname, extname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import { build } from 'esbuild'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const source = join(root, 'client')
const assets = join(source, 'assets')
const target = join(root, 'dist', 'client')
const compressible = new Set([
  '.css',
  '.html',
  '.ico',
  '.js',
  '.json',
  '.map',
  '.svg',
  '.txt',
  '.webmanifest',
])
const files = Object.fromEntries(
  ['.avif', '.gif', '.jpg', '.png', '.svg', '.webp', '.woff', '.woff2'].map((extension) => [
    extension,
    'file',
  ]),
)

/** Paths under `directory`, or none where there is no such directory. */
async function filesOf(directory, recursive) {
  try {
    const entries = await readdir(directory, { recursive, withFileTypes: true })
    return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  } catch (error) {
    if (error.code === 'ENOENT') return []
    throw error
  }
}

/** Logical name → built file, for the entries. */
async function bundle() {
  const entries = (await filesOf(source, false)).filter((file) => /(?<!\.d)\.ts$|\.css$/.test(file))
  if (entries.length === 0) return {}
  const { metafile } = await build({
    entryPoints: entries,
    absWorkingDir: root,
    outdir: target,
    outbase: source,
    bundle: true,
    splitting: true,
    minify: true,
    metafile: true,
    format: 'esm',
    target: ['es2022', 'safari16', 'chrome109', 'firefox115'],
    charset: 'utf8',
    entryNames: '[name]-[hash]',
    chunkNames: '[name]-[hash]',
    assetNames: '[name]-[hash]',
    loader: files,
    logLevel: 'warning',
  })
  const names = {}
  for (const [output, { entryPoint, cssBundle }] of Object.entries(metafile.outputs)) {
    // A dynamic import is an entry of esbuild's too, but nobody asks for it by name.
    if (entryPoint === undefined || dirname(join(root, entryPoint)) !== source) continue
    const name = relative(source, join(root, entryPoint)).replace(/\.ts$/, '.js')
    names[name] = relative(target, join(root, output))
    // Styles that a script imports come as a file of their own.
    if (cssBundle !== undefined)
      add(names, name.replace(/\.js$/, '.css'), relative(target, join(root, cssBundle)))
  }
  return names
}

/** Logical name → hashed copy, for what goes as it is. */
async function copyAssets() {
  const names = {}
  for (const file of await filesOf(assets, true)) {
    const content = await readFile(file)
    const hash = createHash('sha256').update(content).digest('hex').slice(0, 8).toUpperCase()
    const name = relative(assets, file).split(sep).join('/')
    const extension = extname(name)
    names[name] = `${name.slice(0, name.length - extension.length)}-${hash}${extension}`
    const copy = join(target, names[name])
    await mkdir(dirname(copy), { recursive: true })
    await writeFile(copy, content)
  }
  return names
}

function add(names, name, file) {
  if (Object.hasOwn(names, name)) throw new Error(`two files of client/ would be ${name}`)
  names[name] = file
}

async function compress(file) {
  if (!compressible.has(extname(file))) return
  const content = await readFile(file)
  const params = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY }
  const packed = {
    '.br': await promisify(brotliCompress)(content, { params }),
    '.gz': await promisify(gzip)(content, { level: constants.Z_BEST_COMPRESSION }),
  }
  for (const [extension, bytes] of Object.entries(packed)) {
    if (bytes.length < content.length) await writeFile(file + extension, bytes)
  }
}

await rm(target, { recursive: true, force: true })
await mkdir(target, { recursive: true })
const manifest = await bundle()
for (const [name, file] of Object.entries(await copyAssets())) add(manifest, name, file)
await Promise.all((await filesOf(target, true)).map(compress))
const sorted = Object.fromEntries(Object.entries(manifest).sort(([a], [b]) => (a < b ? -1 : 1)))
await writeFile(join(target, 'manifest.json'), `${JSON.stringify(sorted, null, 2)}\n`)
