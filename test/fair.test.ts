import { describe, expect, it } from 'vitest'
import { FairPlaces } from '../src/fair/places.ts'
import { FairQueue } from '../src/fair/queue.ts'
import { TooBusy, type Party } from '../src/ports.ts'

const of = (...names: string[]): Party => names.map((name) => ({ name, persons: 1 }))

describe('fair places', () => {
  function pool(most: number) {
    const places = new FairPlaces(most)
    const ended: string[] = []
    const take = (label: string, ...names: string[]) =>
      places.take(of(...names), () => void ended.push(label))
    return { places, ended, take }
  }

  it('are all anybody’s while there is room', () => {
    const { take, ended, places } = pool(10)
    for (let n = 0; n < 10; n++) take(`a${n}`, 'a')
    expect([places.taken, ended]).toEqual([10, []])
    expect(() => take('more', 'a')).toThrow(TooBusy)
  })

  it('go from the greediest, its last one first, to newcomers, until all have the same', () => {
    const { take, ended } = pool(4)
    for (let n = 0; n < 3; n++) take(`a${n}`, 'a')
    take('b', 'b')
    take('c', 'c')
    expect(ended).toEqual(['a2'])
    take('d', 'd')
    expect(ended).toEqual(['a2', 'a1'])
    expect(() => take('a3', 'a')).toThrow(TooBusy)
    expect(() => take('e', 'e')).toThrow(TooBusy)
  })

  it('are not won by more accounts from one address, nor by more addresses of one account', () => {
    const many = pool(20)
    many.take('honest', 'address h', 'owner h')
    many.take('honest too', 'address h', 'owner h')
    for (let n = 0; n < 18; n++) many.take('taken', 'address x', `owner ${n}`)
    expect(() => many.take('taken', 'address x', 'owner new')).toThrow(TooBusy)
    expect(many.ended).toEqual([])
    many.take('newcomer', 'address y', 'owner y')
    expect(many.ended).toEqual(['taken'])

    const spread = pool(20)
    spread.take('honest', 'address h', 'owner h')
    for (let n = 0; n < 19; n++) spread.take('taken', `address ${n}`, 'owner x')
    expect(() => spread.take('taken', 'address new', 'owner x')).toThrow(TooBusy)
    spread.take('newcomer', 'address y', 'owner y')
    expect(spread.ended).toEqual(['taken'])
  })

  it('tell owners apart where all come from one address, and visitors of one link by their addresses', () => {
    const proxied = pool(10)
    for (let n = 0; n < 10; n++) proxied.take('taken', 'address proxy', 'owner x')
    proxied.take('honest', 'address proxy', 'owner h')
    expect(proxied.ended).toEqual(['taken'])
    const oneLink = pool(10)
    for (let n = 0; n < 10; n++) oneLink.take('taken', 'address x', 'link')
    oneLink.take('honest', 'address h', 'link')
    expect(oneLink.ended).toEqual(['taken'])
  })

  it('are free when they were left, once', () => {
    const { take, places } = pool(1)
    const place = take('a', 'a')
    place.leave()
    place.leave()
    expect(places.taken).toBe(0)
    take('b', 'b')
    place.leave()
    expect(places.taken).toBe(1)
  })

  it('of a network that several may have count as several', () => {
    const places = new FairPlaces(8)
    const ended: string[] = []
    const from = (n: number): Party => [
      { name: `address ${n}`, persons: 1 },
      { name: 'network x', persons: 4 },
    ]
    for (let n = 0; n < 8; n++) places.take(from(n), () => void ended.push('network'))
    places.take(of('address h'), () => {})
    expect(ended).toEqual(['network'])
  })
})

describe('a fair queue', () => {
  it('does first the work of whoever has least under way', async () => {
    const queue = new FairQueue(1, 100)
    const done: string[] = []
    const run = (label: string, ...names: string[]) =>
      queue.run(of(...names), async () => {
        await new Promise((resolve) => setImmediate(resolve))
        done.push(label)
      })
    await Promise.all([
      ...Array.from({ length: 20 }, () => run('greedy', 'address', 'link x')),
      run('honest', 'address', 'link h'),
      run('other', 'elsewhere', 'link o'),
    ])
    expect(done.slice(1, 3).sort()).toEqual(['honest', 'other'])
    expect(done).toHaveLength(22)
  })

  it('lets a newcomer wait in the place of the greediest, and never ends what runs', async () => {
    const queue = new FairQueue(1, 3)
    const tries = Array.from({ length: 4 }, () =>
      queue.run(of('x'), () => new Promise((resolve) => setTimeout(resolve, 5))),
    )
    const honest = queue.run(of('h'), () => Promise.resolve('served'))
    const outcomes = await Promise.allSettled(tries)
    expect(outcomes.map(({ status }) => status)).toEqual([
      ...['fulfilled', 'fulfilled', 'fulfilled', 'rejected'],
    ])
    expect(await honest).toBe('served')
  })

  it('gives the place back when work throws', async () => {
    const queue = new FairQueue(1, 0)
    await expect(queue.run(of('x'), () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(await queue.run(of('x'), () => Promise.resolve(1))).toBe(1)
  })
})
