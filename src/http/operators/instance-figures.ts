import { Gauge, type Registry } from 'prom-client'
import { orphanFigures } from '../../domain/removal/orphans.ts'
import { keys } from '../../domain/records/keys.ts'
import { value, type Ports } from '../../ports.ts'

/** Numbers that tell whether an operator must look at the instance: see docs/operating.md. */
export function addInstanceFigures(
  registry: Registry,
  { store, instance }: Pick<Ports, 'store' | 'instance'>,
): void {
  const gauge = (name: string, help: string, read: () => Promise<number> | number): Gauge =>
    new Gauge({
      name,
      help,
      registers: [registry],
      async collect() {
        try {
          this.set(await read())
        } catch {
          // The store is away: the others are told all the same.
          this.reset()
        }
      },
    })
  gauge('mayfly_apart', '1 while store and bucket are not of one instance; nothing is served then.', () =>
    instance.state().kind === 'apart' ? 1 : 0,
  )
  gauge(
    'mayfly_snapshot_made_seconds',
    'When the last snapshot was made, as a Unix time; 0: never.',
    async () => {
      const [at] = await store.read([value(keys.lastSnapshot)])
      return Number(at ?? 0) / 1000
    },
  )
  gauge(
    'mayfly_orphans_left',
    'Items and albums without a record that a stopped sweep left in the bucket; see mayfly orphans.',
    async () => (await orphanFigures(store)).left,
  )
  gauge(
    'mayfly_orphans_quarantined',
    'Items and albums whose record was lost with the store; they are deleted after a week.',
    async () => (await orphanFigures(store)).quarantined,
  )
}
