import { FairPlaces, type Place } from '../../fair/places.ts'
import { comparePartiesIn } from '../../fair/queue.ts'
import type { Sharer } from '../../ports.ts'

interface Waiting {
  readonly bytes: number
  readonly by: Sharer
  start(part: Part): void
}

/** Memory for one part. `give` it back once, when nobody uses its bytes any more. */
export interface Part {
  readonly bytes: Buffer
  /** It is full, and soon given back: from here on it is not asked back. */
  keep(): void
  give(): void
}

/**
 * Memory for the parts of uploads, within a budget that all of them share. Whose party holds least is next; where one
 * holds more than who waits would, it is asked to end one of its uploads, for a slow body may keep its part for hours.
 * Buffers of the usual size are used again: a process that lets go of megabytes all the time holds on to far more of them
 * than it uses.
 */
export class PartMemory {
  private readonly holders = new FairPlaces(Infinity)
  private readonly waiting: Waiting[] = []
  private readonly spare: Buffer[] = []

  constructor(
    private left: number,
    private readonly usualBytes: number,
  ) {}

  /** Waits for its turn. A waiting caller must hold no memory that only it can give back. */
  take(bytes: number, by: Sharer): Promise<Part> {
    return new Promise((start) => {
      this.waiting.push({ bytes, by, start })
      this.startNext()
      // One is enough: the next one is asked when the next waits.
      if (this.waiting.some((one) => one.start === start)) this.holders.askBack(by.party)
    })
  }

  private startNext(): void {
    for (;;) {
      const [next] = this.waiting.toSorted((one, other) =>
        comparePartiesIn(this.holders, one.by.party, other.by.party),
      )
      if (next === undefined || next.bytes > this.left) return
      this.waiting.splice(this.waiting.indexOf(next), 1)
      this.left -= next.bytes
      const place = this.holders.take(next.by.party, (reason) => next.by.yieldPlace(reason))
      next.start(this.partOf(next.bytes, place))
    }
  }

  private partOf(length: number, place: Place): Part {
    const spare = this.spare.pop()
    const bytes = spare?.length === length ? spare : Buffer.allocUnsafeSlow(length)
    return {
      bytes,
      keep: () => place.keep(),
      give: () => {
        place.leave()
        if (bytes.length === this.usualBytes) this.spare.push(bytes)
        this.left += bytes.length
        this.startNext()
      },
    }
  }
}
