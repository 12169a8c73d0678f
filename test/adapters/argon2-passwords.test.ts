import { describe, expect, it } from 'vitest'
import { argon2Passwords } from '../../src/adapters/argon2-passwords.ts'
import { TooBusy } from '../../src/ports.ts'

describe('passwords', () => {
  it('are kept as argon2id with salt, and known again', async () => {
    const passwords = argon2Passwords()
    const [first, second] = await Promise.all([passwords.hash('swordfish'), passwords.hash('swordfish')])
    expect(first).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
    expect(first).not.toBe(second)
    expect(await passwords.verify(first, 'swordfish')).toBe(true)
    expect(await passwords.verify(first, 'Swordfish')).toBe(false)
  })

  it('are checked a few at a time; too many at once are refused, and then all goes on', async () => {
    const passwords = argon2Passwords({ atOnce: 1, waiting: 2 })
    const hash = await passwords.hash('swordfish')
    const outcomes = await Promise.allSettled([1, 2, 3, 4, 5].map(() => passwords.verify(hash, 'swordfish')))
    expect(outcomes.map(({ status }) => status)).toEqual([
      ...['fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'rejected'],
    ])
    expect(outcomes[4]).toMatchObject({ reason: expect.any(TooBusy) as unknown })
    expect(await passwords.verify(hash, 'swordfish')).toBe(true)
  })

  it('free their place also when checking one throws', async () => {
    const passwords = argon2Passwords({ atOnce: 1, waiting: 0 })
    await expect(passwords.verify('no hash', 'x')).rejects.toThrow()
    expect(await passwords.verify(await passwords.hash('x'), 'x')).toBe(true)
  })
})
