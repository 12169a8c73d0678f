import type { Job } from '../../ports.ts'
import { subjectOf } from './job-schema.ts'
import type { RedisClient } from '../redis/redis-connection.ts'

/** What a process leaves behind that is killed at the wrong moment counts for so long after the owner's last job. */
const forgetSeconds = 3_600
/** How long it is known which network an owner was made from, in seconds. */
const networkSeconds = 24 * 3_600
/** How many people may send from one network at a time, each in turns of their own. */
const ownersOfNetwork = 4
/** BullMQ takes no number above 2^21. */
const lastPlace = 2_000_000

/**
 * Lets owners take turns: tells how many jobs of a kind an owner has waiting or running. Whoever makes a new owner for each
 * file is known by the network that they were made from.
 */
export class Turns {
  /** `tag`: in front of its keys. */
  constructor(
    private readonly redis: RedisClient,
    private readonly tag: string,
  ) {}

  /**
   * Counts a job and answers its place among its owner's, from 1: BullMQ's `priority`, by which it runs the lowest first.
   * Null for kinds without turns.
   */
  async join(job: Job): Promise<number | null> {
    const keys = await this.keysOf(job)
    if (keys.length === 0) return null
    const counting = this.redis.multi()
    for (const key of keys) counting.sadd(key, subjectOf(job)).expire(key, forgetSeconds).scard(key)
    const answers = (await counting.exec()) ?? []
    for (const [error] of answers) if (error) throw error
    const [ofOwner = 1, ofNetwork = 0] = answers
      .filter((_, at) => at % 3 === 2)
      .map(([, count]) => Number(count))
    return Math.min(Math.max(ofOwner, Math.ceil(ofNetwork / ownersOfNetwork), 1), lastPlace)
  }

  /** A job has run: it counts no longer, also where it is tried again. */
  async leave(job: Job): Promise<void> {
    for (const key of await this.keysOf(job)) await this.redis.srem(key, subjectOf(job))
  }

  /** Remembers which network an owner was made from. */
  async belong(owner: string, network: string): Promise<void> {
    await this.redis.set(this.networkKeyOf(owner), network, 'EX', networkSeconds)
  }

  private networkKeyOf = (owner: string): string => `${this.tag}:turns:network-of:${owner}`

  /** Its owner's, and its owner's network's where that is known; none for kinds without turns. */
  private async keysOf(job: Job): Promise<string[]> {
    if (!('item' in job || 'album' in job)) return []
    const network = await this.redis.get(this.networkKeyOf(job.owner))
    const names = [job.owner, ...(network === null ? [] : [`network:${network}`])]
    return names.map((name) => `${this.tag}:turns:${job.kind}:${name}`)
  }
}
