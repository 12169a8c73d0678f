import { median, printMachine, printTable, rounds } from './measure.ts'
import { runPart, type Bare } from './parts.ts'
import type { Service } from './service.ts'

const seconds = Number(process.argv[2] ?? 4)
const connections = 50

interface Loaded {
  readonly rate: number
  readonly p50: number
  readonly p99: number
  /** Processor microseconds of the server for each answer. */
  readonly cpu: number
}

async function loaded(
  server: Pick<Bare, 'usage'>,
  url: string,
  headers: Record<string, string>,
): Promise<Loaded> {
  const before = await server.usage()
  const { answers = 0, seconds: lasted = 1, p50 = NaN, p99 = NaN, failed = 0 } = await runPart({ part: 'load', url, connections, seconds, headers }) // prettier-ignore
  const after = await server.usage()
  if (failed > 0) throw new Error(`${failed} of ${answers} answers were no 200`)
  // The second of warming up is in it, too.
  const share = lasted / (lasted + 1)
  return {
    rate: answers / lasted,
    p50,
    p99,
    cpu: ((after.cpuSeconds - before.cpuSeconds) * share * 1e6) / answers,
  }
}

/** Loads the service and a bare server in turns with the same requests, and prints what each answers a second. */
export async function compareLoad(
  name: string,
  service: Service,
  bare: Bare,
  input: { ours: string; theirs: string; least: number; headers?: Record<string, string> },
): Promise<void> {
  printMachine()
  const runs: { bare: Loaded[]; mayfly: Loaded[] } = { bare: [], mayfly: [] }
  for (let round = 0; round < rounds; round += 1) {
    runs.bare.push(await loaded(bare, input.theirs, input.headers ?? {}))
    runs.mayfly.push(await loaded(service, input.ours, input.headers ?? {}))
  }
  const middle = (of: Loaded[], figure: keyof Loaded): number => median(of.map((one) => one[figure]))
  const ratio = median(runs.mayfly.map(({ rate }, at) => rate / (runs.bare[at]?.rate ?? NaN)))
  const row = async (title: string, of: Loaded[], server: Pick<Bare, 'usage'>): Promise<string[]> => [
    title,
    middle(of, 'rate').toFixed(0),
    middle(of, 'p50').toFixed(1),
    middle(of, 'p99').toFixed(1),
    middle(of, 'cpu').toFixed(0),
    (await server.usage()).peakMegabytes.toFixed(0),
  ]
  printTable(
    [name, 'answers/s', 'p50 ms', 'p99 ms', 'CPU µs each', 'peak MB'],
    [await row('bare Node', runs.bare, bare), await row('Mayfly', runs.mayfly, service)],
  )
  console.log(`\nratio ${ratio.toFixed(2)} (to reach: ${input.least})`)
}
