import { readFile } from 'node:fs/promises'
import { cpus, loadavg } from 'node:os'

export const rounds = 5

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN
}

/** What a process has used so far: processor seconds of all its threads (proc(5), stat), and its largest resident size. */
export async function usageOf(pid: number): Promise<{ cpuSeconds: number; peakMegabytes: number }> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const status = await readFile(`/proc/${pid}/status`, 'latin1')
  const ticksPerSecond = 100
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond,
    peakMegabytes: Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024,
  }
}

/** Prints rows as a table of Markdown, numbers to the right. */
export function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = head.map((title, at) => Math.max(title.length, ...rows.map((row) => (row[at] ?? '').length)))
  const line = (row: readonly string[]): string =>
    `| ${widths.map((width, at) => (at === 0 ? (row[at] ?? '').padEnd(width) : (row[at] ?? '').padStart(width))).join(' | ')} |`
  console.log(line(head))
  console.log(
    `| ${widths.map((width, at) => (at === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`,
  )
  for (const row of rows) console.log(line(row))
}

/** What the figures were taken on. */
export function printMachine(): void {
  const load = loadavg()[0] ?? 0
  console.log(
    `Node ${process.versions.node}, ${cpus().length} cores, load before the run ${load.toFixed(1)}, ` +
      `${new Date().toISOString().slice(0, 16)}Z; medians of ${rounds} runs, in turns\n`,
  )
}
