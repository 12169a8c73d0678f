/** All reasons for a refusal that a person may be told, as machine-readable codes. */
export const reasons = [
  'bad-request',
  'unknown',
  'unauthorized',
  'forbidden',
  'cross-site',
  'wrong-host',
  'link-ended',
  'link-locked',
  'link-declined',
  'wrong-password',
  'not-ready',
  'nothing-to-retry',
  'withheld',
  'changed-in-storage',
  'conflict',
  'secret-taken',
  'secret-weak',
  'file-too-large',
  'too-many-items',
  'unsupported-format',
  'owner-quota',
  'instance-full',
  'too-many-requests',
  'too-slow',
  'range',
  'unavailable',
  'out-of-order',
  'not-noted',
] as const
export type Reason = (typeof reasons)[number]

/** Named values for the sentence that a person reads (a limit, a file's name, seconds to wait). */
export type Details = Readonly<Record<string, string | number | readonly string[]>>

/**
 * The one error that a person may hear: the web layer maps `reason` to a status and a sentence. Anything else
 * that is thrown becomes a 500 that says nothing.
 */
export class Refused extends Error {
  override readonly name = 'Refused'

  constructor(
    readonly reason: Reason,
    message: string,
    readonly details: Details = {},
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}

export const notFound = (what: string) => new Refused('unknown', `There is no such ${what}.`, { what })
