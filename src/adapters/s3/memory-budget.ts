/** Memory that is shared: a caller that wants more than is left waits for its turn. */
export class MemoryBudget {
  private readonly waiting: { bytes: number; start: () => void }[] = []

  constructor(private left: number) {}

  /** Resolves once `bytes` are free. A waiting caller must hold no memory that only it can give back. */
  async take(bytes: number): Promise<void> {
    if (this.waiting.length === 0 && bytes <= this.left) {
      this.left -= bytes
      return
    }
    await new Promise<void>((start) => this.waiting.push({ bytes, start }))
  }

  give(bytes: number): void {
    this.left += bytes
    for (;;) {
      const [next] = this.waiting
      if (next === undefined || next.bytes > this.left) return
      this.waiting.shift()
      this.left -= next.bytes
      next.start()
    }
  }
}
