import { TooBusy, type Party } from '../ports.ts'

interface Holder {
  readonly party: Party
  /** Asks the holder to end; null once it may not be asked any more. */
  yieldPlace: ((reason: TooBusy) => void) | null
}

/** A place that is held until `leave`, which may be called more than once. */
export interface Place {
  leave(): void
  /** From here on the place is not asked back. */
  keep(): void
}

/**
 * A bounded number of places that nobody can take from the others. Whoever comes while there is room gets one. When all
 * are taken, the party that holds most gives one up to whoever holds less, so that a newcomer always gets in while
 * somebody has more than a fair share.
 *
 * A holder counts for each name of its party, and the largest count rules: opening more accounts from one address, or
 * coming from more addresses with one account, gains nothing. Names that two parties share are left out when they are
 * compared: behind a proxy that is not trusted all have one address, and owners and links still tell them apart.
 */
export class FairPlaces {
  /** In the order in which they came. */
  private readonly holders = new Set<Holder>()
  private readonly counts = new Map<string, number>()

  constructor(private readonly most: number) {}

  get taken(): number {
    return this.holders.size
  }

  /**
   * Takes a place. When a fairer share is owed to somebody else later, `yieldPlace` is called: the place counts as free
   * from then on, and its holder ends soon. Throws TooBusy when all places are taken and none is owed to this party.
   */
  take(party: Party, yieldPlace: (reason: TooBusy) => void): Place {
    if (this.holders.size >= this.most && !this.askBack(party)) throw new TooBusy('all places are taken')
    const holder: Holder = { party, yieldPlace }
    this.holders.add(holder)
    for (const { name } of party) this.counts.set(name, (this.counts.get(name) ?? 0) + 1)
    return { leave: () => this.remove(holder), keep: () => void (holder.yieldPlace = null) }
  }

  /** Asks the party that holds most to give a place up, where it holds more than `party` would; answers whether one does. */
  askBack(party: Party): boolean {
    const greediest = this.greediest(party)
    if (!greediest) return false
    this.remove(greediest)
    greediest.yieldPlace?.(new TooBusy('others wait who have less'))
    return true
  }

  /** How much each name of a party holds, the most first: who holds less sorts before who holds more. */
  burden(party: Party): number[] {
    return party.map((one) => this.share(one)).sort((a, b) => b - a)
  }

  private share({ name, persons }: Party[number]): number {
    return (this.counts.get(name) ?? 0) / persons
  }

  /** Of the party that holds most, and more than `party` would, the holder who came last: it has least to lose. */
  private greediest(party: Party): Holder | null {
    let found: Holder | null = null
    let most = 0
    for (const holder of this.holders) {
      if (holder.yieldPlace === null) continue
      const its = this.heldBeside(holder.party, party)
      const mine = this.heldBeside(party, holder.party, 1)
      if (its <= mine || its < most) continue
      found = holder
      most = its
    }
    return found
  }

  /** The most that a name of `party` holds which `other` does not have too, with `more` places. */
  private heldBeside(party: Party, other: Party, more = 0): number {
    let most = 0
    for (const one of party)
      if (!other.some(({ name }) => name === one.name))
        most = Math.max(most, this.share(one) + more / one.persons)
    return most
  }

  private remove(holder: Holder): void {
    if (!this.holders.delete(holder)) return
    for (const { name } of holder.party) {
      const left = (this.counts.get(name) ?? 1) - 1
      if (left === 0) this.counts.delete(name)
      else this.counts.set(name, left)
    }
  }
}
