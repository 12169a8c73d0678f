import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Events } from '../../src/ports.ts'

/** What every adapter of Events does. `start` makes two on the same ground, as two processes have them. */
export function eventsContract(
  name: string,
  start: () => Promise<{ one: Events; two: Events; stop(): Promise<void> }>,
): void {
  describe(`events: ${name}`, () => {
    let one: Events
    let two: Events
    let stop: () => Promise<void>
    beforeAll(async () => {
      const started = await start()
      one = started.one
      two = started.two
      stop = started.stop
    })
    afterAll(async () => {
      await Promise.all([one.close(), two.close()])
      await stop()
    })

    it('reaches every listener of the channel, in every process, and nobody else', async () => {
      const heard: string[] = []
      const ends = await Promise.all([
        one.subscribe('a', (message) => heard.push(`one ${message}`)),
        one.subscribe('a', (message) => heard.push(`one again ${message}`)),
        two.subscribe('a', (message) => heard.push(`two ${message}`)),
        two.subscribe('b', (message) => heard.push(`b ${message}`)),
      ])
      await one.publish('a', 'hello 🐝')
      await expect.poll(() => heard.length).toBe(3)
      await sleep(50)
      expect(heard.sort()).toEqual(['one again hello 🐝', 'one hello 🐝', 'two hello 🐝'])
      await Promise.all(ends.map((end) => end()))
    })

    it('ends one subscription and leaves the other', async () => {
      const heard: string[] = []
      const listener = (message: string) => void heard.push(message)
      const end = await one.subscribe('c', listener)
      const endOther = await one.subscribe('c', listener)
      await end()
      await end()
      await two.publish('c', '1')
      await expect.poll(() => heard).toEqual(['1'])
      await endOther()
      await two.publish('c', '2')
      await sleep(100)
      expect(heard).toEqual(['1'])
    })

    it('hears again after leaving and coming back at once', async () => {
      const heard: string[] = []
      const end = await one.subscribe('d', (message) => heard.push(`old ${message}`))
      const ending = end()
      const endNew = await one.subscribe('d', (message) => heard.push(`new ${message}`))
      await ending
      await two.publish('d', '1')
      await expect.poll(() => heard).toEqual(['new 1'])
      await endNew()
    })

    it('takes 200 channels', async () => {
      const heard = new Set<string>()
      const channels = Array.from({ length: 200 }, (_, index) => `many-${index}`)
      const ends = await Promise.all(
        channels.map((channel) => one.subscribe(channel, (message) => heard.add(message))),
      )
      await Promise.all(channels.map((channel) => two.publish(channel, channel)))
      await expect.poll(() => heard.size).toBe(200)
      await Promise.all(ends.map((end) => end()))
    })
  })
}
