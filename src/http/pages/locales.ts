import type { ParseKeys } from 'i18next'
import ar from '../../../locales/ar.json' with { type: 'json' }
import de from '../../../locales/de.json' with { type: 'json' }
import en from '../../../locales/en.json' with { type: 'json' }
import es from '../../../locales/es.json' with { type: 'json' }
import fr from '../../../locales/fr.json' with { type: 'json' }
import ja from '../../../locales/ja.json' with { type: 'json' }
import pl from '../../../locales/pl.json' with { type: 'json' }
import pt from '../../../locales/pt.json' with { type: 'json' }

declare module 'i18next' {
  interface CustomTypeOptions {
    resources: { translation: typeof en }
  }
}

export const languageCodes = ['en', 'de', 'fr', 'es', 'pt', 'ja', 'ar', 'pl'] as const
export type LanguageCode = (typeof languageCodes)[number]

/** A language's words, section by section: i18next JSON v4, whose plural forms end in `_one`, `_other`, … (CLDR). */
type Words = { readonly [Section in keyof typeof en]: (typeof en)[Section] extends string ? string : object }

/** All that is said in each language. The keys are those of English; a language may have more plural forms. */
export const locales: Readonly<Record<LanguageCode, Words>> = { en, de, fr, es, pt, ja, ar, pl }

const plural = /_(?:zero|one|two|few|many|other)$/

function namesOf(words: object, path = ''): string[] {
  return Object.entries(words).flatMap(([name, content]: [string, unknown]) =>
    typeof content === 'object' && content !== null
      ? namesOf(content, `${path}${name}.`)
      : [path + name, path + name.replace(plural, '')],
  )
}

const known = new Set(namesOf(en))

/** Whether there is a message under `key` (`share.select`). */
export const isMessage = (key: string): key is ParseKeys => known.has(key)
