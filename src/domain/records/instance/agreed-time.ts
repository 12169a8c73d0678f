import { z } from 'zod'
import type { Clock, Log, Store } from '../../../ports.ts'
import { value } from '../../../ports.ts'
import { graceMs } from '../store/deletion-schedule.ts'
import { keys } from '../keys.ts'
import { parseRecord } from '../records.ts'

const minute = 60_000
const hour = 60 * minute

/**
 * The time that deletions go by. A machine's clock closes links, but it alone deletes nothing: see
 * docs/decisions/0021-two-sources-agree-on-the-time.md.
 */
export interface AgreedTime {
  /** Milliseconds since 1970: never later than the clock, and earlier while nothing confirms the clock. */
  now(): Promise<number>
}

/** A clock of another machine; null if there is none. */
export type Witness = () => Promise<number | null>

const noteSchema = z.object({
  agreed: z.number(),
  /** What the clock said then. */
  clock: z.number(),
  /** How long processes have run while the clock was doubted, and went evenly. */
  doubtedMs: z.number(),
})
type Note = z.infer<typeof noteSchema>

/**
 * A start may come so long after the last sign of life without a doubt. A clock that is wrong by no more than that deletes
 * nothing that is open: what has expired is kept for `graceMs`.
 */
const quietMs = graceMs - 0.5 * hour
/** Clocks that differ by less are in step. */
const toleranceMs = 5 * minute
/** Another machine's clock may differ by so much: what S3 allows (“RequestTimeTooSkewed”). */
const witnessToleranceMs = 15 * minute
/** A clock that goes evenly for so long is believed, whatever it says. */
const believedAfterMs = 24 * hour
/** How often it is noted in the store. */
const noteEveryMs = 20_000

export function agreedTime({
  store,
  clock,
  elapsed,
  witnesses,
  log,
}: {
  store: Store
  clock: Clock
  /** Milliseconds since some moment; goes evenly, whatever is done to the clock. */
  elapsed: () => number
  witnesses: readonly Witness[]
  log: Log
}): AgreedTime {
  let last: { agreed: number; clock: number; elapsed: number } | null = null
  let notedAt = -Infinity
  let isDoubted = false

  /** `true`: all that can be asked agree with the clock; `false`: one does not; null: there is nobody to ask. */
  async function confirm(now: number): Promise<boolean | null> {
    const times = await Promise.all(witnesses.map((witness) => witness().catch(() => null)))
    const known = times.filter((time) => time !== null)
    if (known.length === 0) return null
    return known.every((time) => now - time < witnessToleranceMs)
  }

  async function look(): Promise<number> {
    const now = clock.now()
    const running = elapsed()
    const [raw] = await store.read([value(keys.clock)])
    const note = parseRecord(noteSchema, keys.clock, raw)
    // What other processes came to counts, too.
    const known = Math.max(note?.agreed ?? 0, last?.agreed ?? 0)
    let agreed: number
    let doubtedMs = note?.doubtedMs ?? 0
    let confirmed: boolean | null | undefined
    if (last) {
      const passed = running - last.elapsed
      if (Math.abs(now - last.clock - passed) > toleranceMs) doubtedMs = 0
      else if (note) doubtedMs += Math.max(0, Math.min(passed, now - note.clock))
      agreed = known + passed
      if (now - agreed < toleranceMs) agreed = now
    } else {
      confirmed = await confirm(now)
      if (note && Math.abs(now - note.clock) > quietMs) doubtedMs = 0
      agreed = note && now - note.agreed < quietMs && confirmed !== false ? now : known
    }
    if (now - agreed >= toleranceMs) {
      confirmed ??= await confirm(now)
      if (confirmed === true || (confirmed === null && doubtedMs >= believedAfterMs)) agreed = now
    }
    // Backwards is always safe: less is due.
    agreed = Math.min(agreed, now)
    tell(now, agreed)
    last = { agreed, clock: now, elapsed: running }
    if (!note || running - notedAt >= noteEveryMs || agreed < note.agreed) {
      const next: Note = { agreed, clock: now, doubtedMs: agreed === now ? 0 : doubtedMs }
      await store.commit({ writes: [{ kind: 'set', key: keys.clock, value: JSON.stringify(next) }] })
      notedAt = running
    }
    return agreed
  }

  function tell(now: number, agreed: number): void {
    const was = isDoubted
    isDoubted = now - agreed >= toleranceMs
    if (isDoubted && !was)
      log.warn(
        { aheadHours: Math.round((now - agreed) / hour), clock: new Date(now).toISOString() },
        'The clock is ahead of what was last known, and nothing confirms it: nothing is deleted by date until something does, or the ' +
          'clock has gone evenly for a day',
      )
    if (!isDoubted && was) log.info({}, 'the clock is trusted again')
  }

  let looking: Promise<number> = Promise.resolve(0)
  return {
    now() {
      // One after another: each goes on from the last.
      looking = looking.catch(() => 0).then(look)
      return looking
    },
  }
}

/** A first look at an instance without records: its clock is believed. */
export async function believeClock(store: Store, clock: Clock): Promise<void> {
  const now = clock.now()
  const note: Note = { agreed: now, clock: now, doubtedMs: 0 }
  await store.commit({
    expect: [{ key: keys.clock, value: null }],
    writes: [{ kind: 'set', key: keys.clock, value: JSON.stringify(note) }],
  })
}
