import { describe, expect, it } from 'vitest'
import { shownName, shownText } from '../../src/domain/items/shown-text.ts'

const place = {
  country: { code: 'PT', name: 'Portugal' },
  state: null,
  city: 'Lisbon',
  neighbourhood: 'Alfama',
}
const item = { facts: null, place }

describe('what visitors read', () => {
  it('names neither coordinates nor the item’s own place under a policy without location', () => {
    for (const policy of ['no-location', 'none'] as const) {
      expect(shownName(item, 'Alfama, Lisbon 38.7139,-9.1334.jpg', policy)).toBe('file.jpg')
      expect(shownName(item, 'Dinner in Lisbon.jpg', policy)).not.toMatch(/lisbon/i)
      expect(shownName(item, 'IMG_0001.jpg', policy)).toBe('IMG_0001.jpg')
    }
    const paris = { facts: null, place: { ...place, city: 'Paris', state: 'Île-de-France (11)' } }
    expect(shownName(paris, 'paris_ile.jpg', 'no-location')).toBe('ile.jpg')
    expect(shownName(paris, 'Île de France (11) 1.jpg', 'no-location')).toBe('1.jpg')
    expect(shownName(item, 'Dinner in Lisbon.jpg', 'everything')).toBe('Dinner in Lisbon.jpg')
  })

  it('keeps an owner’s words, but not coordinates among them', () => {
    expect(shownText('Our week, 38.7139, -9.1334', 'no-location')).toBe('Our week')
    expect(shownText('38.7139, -9.1334', 'none')).toBe('')
    expect(shownText('file', 'none')).toBe('file')
    expect(shownText('Our week, 38.7139, -9.1334', 'everything')).toBe('Our week, 38.7139, -9.1334')
  })
})
