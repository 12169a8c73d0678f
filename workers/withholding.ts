import { WrongBytes, withholdWrong } from '../src/domain/backup/integrity/integrity.ts'
import type { Ports } from '../src/ports.ts'

/** Does a job on an owner's objects. Where it meets one with wrong bytes, that is withheld, and the job is tried again. */
export async function withholding(ports: Ports, owner: string, work: Promise<void>): Promise<void> {
  try {
    await work
  } catch (error) {
    if (error instanceof WrongBytes) await withholdWrong(ports, owner, error.object)
    throw error
  }
}
