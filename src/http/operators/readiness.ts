import { StoreTooNew } from '../../domain/records/schema.ts'
import { BucketFull, BucketUnavailable, StoreUnavailable, type Log } from '../../ports.ts'
import { inTime } from '../../in-time.ts'

/** A dependency that has not answered after this long is not there, in milliseconds. */
const patience = 2000

/** One thing without which this service must get no requests. `check` throws where it is not as it must be. */
export interface ReadinessCheck {
  readonly name: string
  readonly check: () => Promise<void>
}

export interface Readiness {
  /** Whether each check passed, by its name. */
  readonly passed: Readonly<Record<string, boolean>>
  /** Why the service is not ready, for operators: `<check>: <sentence>`. Empty where it is ready. */
  readonly reasons: string[]
  /** What the failed checks threw. */
  readonly errors: unknown[]
}

/** Returns a function that makes all checks and logs the reasons when they change. */
export function watchReadiness(checks: readonly ReadinessCheck[], log: Log): () => Promise<Readiness> {
  let told = ''
  return async () => {
    const found = await Promise.all(
      checks.map(async ({ name, check }) => ({
        name,
        error: await inTime(check(), patience, () => new NoAnswer('No answer in time')).then(
          () => null,
          (error: unknown) => error ?? new Error('a check failed without an error'),
        ),
      })),
    )
    const reasons = found.flatMap(({ name, error }) =>
      error === null ? [] : [`${name}: ${reasonOf(error)}`],
    )
    const errors = found.flatMap(({ error }) => (error === null ? [] : [error]))
    const text = reasons.join('; ')
    if (text !== told) {
      told = text
      if (text === '') log.info({}, 'ready again')
      else log.error({ reasons, err: errors[0] }, 'not ready')
    }
    return {
      passed: Object.fromEntries(found.map(({ name, error }) => [name, error === null])),
      reasons,
      errors,
    }
  }
}

/** The ports' own errors are written for operators. What any other says may hold anything. */
function reasonOf(error: unknown): string {
  const isOurs =
    error instanceof StoreUnavailable ||
    error instanceof BucketUnavailable ||
    error instanceof BucketFull ||
    error instanceof StoreTooNew ||
    error instanceof NoAnswer
  return isOurs ? error.message : 'The check failed; the log says why'
}

class NoAnswer extends Error {
  override readonly name = 'NoAnswer'
}
