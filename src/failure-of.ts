import { inspect } from 'node:util'
import { BadSetting } from './config.ts'
import { StoreTooNew } from './domain/records/schema.ts'
import { BucketUnavailable, StoreRefusesUs, StoreUnavailable } from './ports.ts'

/** sysexits.h: supervisors tell by these whether another start may help. */
const exitCodes = { config: 78, unavailable: 69, other: 1 }

/** What the process says and exits with when it cannot start, or a command fails. */
export function failureOf(error: unknown): { readonly code: number; readonly text: string } {
  if (error instanceof BadSetting)
    return { code: exitCodes.config, text: `These settings are missing or wrong:\n${error.message}` }
  if (error instanceof StoreTooNew || error instanceof StoreRefusesUs)
    return { code: exitCodes.config, text: error.message }
  if (error instanceof StoreUnavailable || error instanceof BucketUnavailable)
    return { code: exitCodes.unavailable, text: withCause(error) }
  if (error instanceof Error && 'syscall' in error && error.syscall === 'listen')
    return { code: exitCodes.unavailable, text: error.message }
  return { code: exitCodes.other, text: inspect(error) }
}

/** With what the network said, such as “connect ECONNREFUSED 10.0.0.2:6379”. */
const withCause = ({ message, cause }: Error): string =>
  cause instanceof Error && cause.message !== message ? `${message}: ${cause.message}` : message
