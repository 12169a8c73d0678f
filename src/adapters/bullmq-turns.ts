import type { Job } from '../ports.ts'
import { subjectOf } from './job-schema.ts'
import type { RedisClient } from './redis-connection.ts'

/** What a process leaves behind that is killed at the wrong moment counts for so long after the owner's last job. */
const forgetSeconds = 3_600
/** BullMQ takes no number above 2^21. */
const lastPlace = 2_000_000

/** Lets owners take turns: tells how many jobs of a kind an owner has waiting or running. */
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
    const key = this.keyOf(job)
    if (key === null) return null
    const answers = await this.redis
      .multi()
      .sadd(key, subjectOf(job))
      .expire(key, forgetSeconds)
      .scard(key)
      .exec()
    for (const [error] of answers ?? []) if (error) throw error
    const waiting = Number(answers?.at(-1)?.[1])
    return Math.min(Math.max(waiting, 1), lastPlace)
  }

  /** A job has run: it counts no longer, also where it is tried again. */
  async leave(job: Job): Promise<void> {
    const key = this.keyOf(job)
    if (key !== null) await this.redis.srem(key, subjectOf(job))
  }

  private keyOf(job: Job): string | null {
    return 'item' in job || 'album' in job ? `${this.tag}:turns:${job.kind}:${job.owner}` : null
  }
}
