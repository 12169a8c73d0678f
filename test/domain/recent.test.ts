import { expect, it } from 'vitest'
import { Recent } from '../../src/domain/records/store/recent.ts'

it('keeps what was used lately, within its bound', () => {
  const recent = new Recent<string>(100)
  for (let n = 0; n < 10; n++) recent.set(`k${n}`, `v${n}`, 10)
  expect(recent.get('k0')).toBe('v0')
  recent.set('k10', 'v10', 10)
  // k0 was used since: k1 is the one to go.
  expect([recent.get('k0'), recent.get('k1'), recent.get('k10')]).toEqual(['v0', undefined, 'v10'])
  recent.set('large', 'one that would push out everything', 99)
  expect(recent.get('large')).toBeUndefined()
  expect(recent.get('k2')).toBe('v2')
  recent.set('k2', 'anew', 12)
  expect([recent.get('k2'), recent.get('k3'), recent.get('k4')]).toEqual(['anew', undefined, 'v4'])
})
