import { apartSentences } from '../domain/records/instance/instance.ts'
import { adopt } from '../domain/backup/reunite.ts'
import { withDeps } from './with-deps.ts'

const usage = `usage: mayfly adopt [--yes]

Lets a store and a bucket that do not match belong together from now on. Stops and deletions that the bucket knows of are
done in the store; files that no record knows are deleted after a week. Without --yes it only says what is wrong.`

/** `mayfly adopt [--yes]`. Returns the exit status. */
export async function runAdopt(args: string[]): Promise<number> {
  const [option, ...rest] = args
  if (rest.length > 0 || (option !== undefined && option !== '--yes')) {
    console.error(usage)
    return 2
  }
  return withDeps(async ({ ports }) => {
    const state = await ports.instance.check()
    if (state.kind === 'unknown') {
      console.error('mayfly adopt: the store or the bucket gives no answer.')
      return 1
    }
    if (state.kind === 'together') {
      console.log('Store and bucket belong together already.')
      return 0
    }
    if (option !== '--yes') {
      console.log(apartSentences[state.reason])
      return 1
    }
    const acts = await adopt(ports)
    console.log(`Store and bucket belong together now; ${acts} stops and deletions were done again.`)
    return 0
  })
}
