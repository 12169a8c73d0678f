import type { Party } from '../ports.ts'
import { FairPlaces, type Place } from './places.ts'

interface Waiting {
  readonly party: Party
  readonly place: Place
  start(): void
}

/**
 * Does a bounded amount of work at once; the rest waits. Whose party has least under way is next, and who came first
 * among equals: one who asks for much waits behind others, not they behind him.
 */
export class FairQueue {
  private readonly waiting: Waiting[] = []
  private readonly places: FairPlaces
  private running = 0

  /** `atOnce` pieces of work run, and so many may wait. */
  constructor(
    private readonly atOnce: number,
    waiting: number,
  ) {
    this.places = new FairPlaces(atOnce + waiting)
  }

  /** Throws TooBusy when too many wait already, also later, when the place is owed to somebody who has less. */
  async run<T>(party: Party, work: () => Promise<T>): Promise<T> {
    const place = await this.turn(party)
    try {
      return await work()
    } finally {
      this.running -= 1
      place.leave()
      this.startNext()
    }
  }

  private turn(party: Party): Promise<Place> {
    return new Promise((resolve, reject) => {
      const place = this.places.take(party, (reason) => {
        this.waiting.splice(this.waiting.indexOf(entry), 1)
        reject(reason)
      })
      const entry: Waiting = { party, place, start: () => resolve(place) }
      this.waiting.push(entry)
      this.startNext()
    })
  }

  private startNext(): void {
    if (this.running >= this.atOnce) return
    const [next] = this.waiting.toSorted((one, other) =>
      comparePartiesIn(this.places, one.party, other.party),
    )
    if (!next) return
    this.waiting.splice(this.waiting.indexOf(next), 1)
    this.running += 1
    next.place.keep()
    next.start()
  }
}

/** Sorts the party that holds less before the one that holds more. */
export const comparePartiesIn = (places: FairPlaces, one: Party, other: Party): number =>
  compare(places.burden(one), places.burden(other))

function compare(one: readonly number[], other: readonly number[]): number {
  for (const [at, held] of one.entries()) {
    const difference = held - (other[at] ?? 0)
    if (difference !== 0) return difference
  }
  return one.length - other.length
}
