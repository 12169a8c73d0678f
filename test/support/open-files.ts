import { readdir, readlink } from 'node:fs/promises'

/** How many files below `directory` this process holds open (Linux: proc(5)). */
export async function openFilesBelow(directory: string): Promise<number> {
  const names = await readdir('/proc/self/fd')
  const paths = await Promise.all(names.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')))
  return paths.filter((path) => path.startsWith(directory)).length
}
