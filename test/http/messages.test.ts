import { describe, expect, it } from 'vitest'
import { languageCodes, locales, type LanguageCode } from '../../src/http/pages/locales.ts'

const plural = /_(zero|one|two|few|many|other)$/

/** Every message of a catalogue: `share.from` → text. */
function flat(catalogue: object, path = ''): Map<string, string> {
  const messages = new Map<string, string>()
  for (const [key, content] of Object.entries(catalogue)) {
    if (typeof content === 'string') messages.set(path + key, content)
    else for (const [name, text] of flat(content ?? {}, `${path}${key}.`)) messages.set(name, text)
  }
  return messages
}

const everything = (code: LanguageCode): Map<string, string> => flat(locales[code])

const bases = (messages: Map<string, string>): string[] =>
  [...new Set([...messages.keys()].map((key) => key.replace(plural, '')))].sort()

const placeholders = (text: string): string[] =>
  [...text.matchAll(/\{\{(\w+)\}\}/g)].map(([, name = '']) => name)

describe.each(languageCodes)('the catalogue %s', (code) => {
  const english = everything('en')
  const messages = everything(code)

  it('says all that the English one says', () => {
    expect(bases(messages)).toEqual(bases(english))
  })

  it('has every plural form that its language has (CLDR)', () => {
    // “many” of the Romance languages is for millions; the other form stands in.
    const forms = new Intl.PluralRules(code)
      .resolvedOptions()
      .pluralCategories.filter((form) => form !== 'many' || ['ar', 'pl'].includes(code))
    for (const key of messages.keys()) {
      if (!plural.test(key)) continue
      const base = key.replace(plural, '')
      for (const form of forms) expect(messages.has(`${base}_${form}`), `${base}_${form}`).toBe(true)
    }
  })

  it('names no value that the English one does not', () => {
    const known = new Map<string, Set<string>>()
    for (const [key, text] of english) {
      const base = key.replace(plural, '')
      known.set(base, new Set([...(known.get(base) ?? []), ...placeholders(text)]))
    }
    for (const [key, text] of messages)
      for (const name of placeholders(text))
        expect([...(known.get(key.replace(plural, '')) ?? [])]).toContain(name)
  })
})
