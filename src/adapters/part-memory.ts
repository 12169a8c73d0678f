import { MemoryBudget } from './memory-budget.ts'

/**
 * Memory for the parts of uploads, within a budget that all of them share. Buffers of the usual size are used again: a
 * process that lets go of megabytes all the time holds on to far more of them than it uses.
 */
export class PartMemory {
  private readonly budget: MemoryBudget
  private readonly spare: Buffer[] = []

  constructor(
    allBytes: number,
    private readonly usualBytes: number,
  ) {
    this.budget = new MemoryBudget(allBytes)
  }

  /** Waits for its turn. Whoever waits must hold nothing that only it can give back. */
  async take(bytes: number): Promise<Buffer> {
    await this.budget.take(bytes)
    const spare = this.spare.pop()
    return spare?.length === bytes ? spare : Buffer.allocUnsafeSlow(bytes)
  }

  /** Nobody may use `part` any more. */
  give(part: Buffer): void {
    if (part.length === this.usualBytes) this.spare.push(part)
    this.budget.give(part.length)
  }
}
