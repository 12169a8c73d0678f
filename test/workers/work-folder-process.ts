import { openWorkFolder } from '../../workers/work-folder.ts'

/** Opens a work folder below its argument, prints its path, and lives until it is ended. */
const parent = process.argv[2]
if (parent === undefined) throw new Error('below which folder?')
const folder = await openWorkFolder(parent)
process.stdout.write(`${typeof folder === 'string' ? folder : folder.path}\n`)
setInterval(() => undefined, 60_000)
