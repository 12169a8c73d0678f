import { listOrphans, removeOrphans } from '../domain/removal/orphans.ts'
import { withDeps } from './with-deps.ts'

const usage = `usage: mayfly orphans [--remove]

Lists what the bucket holds for more than a day without a record, a line each, and since when it is in quarantine.
With --remove it is deleted.`

/** `mayfly orphans [--remove]`. Returns the exit status. */
export async function runOrphans(args: string[]): Promise<number> {
  const [option, ...rest] = args
  if (rest.length > 0 || (option !== undefined && option !== '--remove')) {
    console.error(usage)
    return 2
  }
  return withDeps(async ({ ports }) => {
    if ((await ports.instance.check()).kind !== 'together') {
      console.error('mayfly orphans: store and bucket do not belong together: run mayfly adopt to see why.')
      return 1
    }
    if (option === '--remove') console.log(`${await removeOrphans(ports)} were deleted`)
    else
      for (const { prefix, since } of await listOrphans(ports))
        console.log(
          since === null ? prefix : `${prefix}\tin quarantine since ${new Date(since).toISOString()}`,
        )
    return 0
  })
}
