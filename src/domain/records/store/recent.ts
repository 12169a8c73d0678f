/** What was used lately, by key, bounded by what it weighs in all: the longest unused goes first. */
export class Recent<Value> {
  private readonly kept = new Map<string, { readonly value: Value; readonly weight: number }>()
  private weight = 0
  /** The key that was used last: what many ask for at once need not be moved each time. */
  private youngest: string | null = null

  /** `most`: in whatever unit `set` is given weights in. */
  constructor(private readonly most: number) {}

  get(key: string): Value | undefined {
    const found = this.kept.get(key)
    if (found === undefined) return undefined
    if (key === this.youngest) return found.value
    // A Map keeps the order in which keys came in: taken out and put back, it is the youngest.
    this.kept.delete(key)
    this.kept.set(key, found)
    this.youngest = key
    return found.value
  }

  /** Keeps `value`, unless it alone weighs more than a quarter of all: one must not push out everything. */
  set(key: string, value: Value, weight = 1): void {
    this.delete(key)
    if (weight * 4 > this.most) return
    this.kept.set(key, { value, weight })
    this.youngest = key
    this.weight += weight
    for (const [oldest] of this.kept) {
      if (this.weight <= this.most) break
      this.delete(oldest)
    }
  }

  delete(key: string): void {
    this.weight -= this.kept.get(key)?.weight ?? 0
    this.kept.delete(key)
  }
}
