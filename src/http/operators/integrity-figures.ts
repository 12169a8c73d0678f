import { Gauge, type Registry } from 'prom-client'
import { wrongObjects } from '../../domain/backup/integrity/integrity.ts'
import type { Ports } from '../../ports.ts'

/** Counts stored objects that were found wrong. The count of all processes is in the store, since workers find most of them. */
export function addIntegrityFigures(registry: Registry, { store }: Pick<Ports, 'store'>): void {
  const wrong = new Gauge({
    name: 'mayfly_wrong_objects_total',
    help: 'Stored objects whose bytes were found changed or gone, ever. The log names each by its key.',
    registers: [registry],
    collect: async () => {
      const count = await wrongObjects({ store }).catch(() => null)
      if (count !== null) wrong.set(count)
    },
  })
}
