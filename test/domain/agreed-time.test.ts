import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  agreedTime,
  believeClock,
  type AgreedTime,
  type Witness,
} from '../../src/domain/records/instance/agreed-time.ts'
import { openTestPorts, quietLog, type TestPorts } from '../support/ports.ts'

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

let ports: TestPorts
let running: number
beforeEach(async () => {
  ports = await openTestPorts()
  running = 0
})
afterEach(() => ports.close())

/** A process that starts now. */
const start = (...witnesses: Witness[]): AgreedTime =>
  agreedTime({ store: ports.store, clock: ports.clock, elapsed: () => running, witnesses, log: quietLog })

/** Time goes by, in steps of the sweep. */
async function pass(time: AgreedTime, ms: number, step = 30 * minute): Promise<void> {
  for (let gone = 0; gone < ms; gone += step) {
    ports.clock.move(step)
    running += step
    await time.now()
  }
}

const ahead = async (time: AgreedTime) => ports.clock.now() - (await time.now())

describe('the time that deletions go by', () => {
  it('is the clock’s while it goes evenly, over starts and short pauses too', async () => {
    await believeClock(ports.store, ports.clock)
    const first = start()
    await pass(first, 2 * day)
    expect(await ahead(first)).toBe(0)
    ports.clock.move(10 * hour)
    const second = start()
    expect(await ahead(second)).toBe(0)
    await pass(second, hour)
    expect(await ahead(second)).toBe(0)
  })

  it('does not follow a clock that is 40 days ahead for one start', async () => {
    await believeClock(ports.store, ports.clock)
    const first = start()
    await pass(first, hour)
    const last = ports.clock.now()
    ports.clock.move(40 * day)
    const second = start()
    expect(await second.now()).toBe(last)
    await pass(second, hour)
    expect(await second.now()).toBe(last + hour)
    ports.clock.move(-40 * day)
    expect(await ahead(start())).toBe(0)
  })

  it('does not follow a jump under a running process', async () => {
    await believeClock(ports.store, ports.clock)
    const time = start()
    await pass(time, hour)
    const last = await time.now()
    ports.clock.move(2 * hour)
    await pass(time, hour)
    expect(await time.now()).toBe(last + hour)
    ports.clock.move(-2 * hour)
    expect(await ahead(time)).toBe(0)
  })

  it('believes a clock that another one confirms, and waits for good while another one does not', async () => {
    await believeClock(ports.store, ports.clock)
    await start().now()
    const real = ports.clock.now()
    ports.clock.move(40 * day)
    const confirmed = start(
      () => Promise.resolve(ports.clock.now() - minute),
      () => Promise.resolve(null),
    )
    const denied = start(
      () => Promise.resolve(real),
      () => Promise.resolve(ports.clock.now()),
    )
    await pass(denied, 3 * day)
    expect(await ahead(denied)).toBeGreaterThan(39 * day)
    expect(await ahead(confirmed)).toBe(0)
  })

  it('believes a clock after a day of going evenly, over several starts', async () => {
    await believeClock(ports.store, ports.clock)
    await start().now()
    ports.clock.move(40 * day)
    const first = start()
    await pass(first, 12 * hour)
    expect(await ahead(first)).toBeGreaterThan(39 * day)
    ports.clock.move(hour)
    const second = start()
    await pass(second, 11 * hour)
    expect(await ahead(second)).toBeGreaterThan(39 * day)
    await pass(second, 2 * hour)
    expect(await ahead(second)).toBe(0)
  })

  it('of an installation that never noted it waits for the same', async () => {
    const time = start()
    expect(await time.now()).toBe(0)
    await pass(time, 25 * hour)
    expect(await ahead(time)).toBe(0)
  })

  it('does not count the doubt of two processes twice', async () => {
    await believeClock(ports.store, ports.clock)
    await start().now()
    ports.clock.move(40 * day)
    const [one, other] = [start(), start()]
    await Promise.all([one.now(), other.now()])
    for (let gone = 0; gone < 13 * hour; gone += 30 * minute) {
      ports.clock.move(30 * minute)
      running += 30 * minute
      await one.now()
      await other.now()
    }
    expect(await ahead(one)).toBeGreaterThan(38 * day)
  })
})
