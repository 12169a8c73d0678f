import type { Request } from 'express'
import i18next, { type i18n, type ParseKeys } from 'i18next'
import { LRUCache } from 'lru-cache'
import type { WebSettings } from '../context.ts'
import { readCookie } from '../input/cookies.ts'
import { languageCodes, locales, type LanguageCode } from './locales.ts'

/** How one reader is spoken to: messages by catalogue, dates, numbers and sizes by Intl. */
export interface Language {
  readonly code: LanguageCode
  readonly direction: 'ltr' | 'rtl'
  /** What Intl is given: the language, with the reader's region where the browser tells one (`en-GB`). */
  readonly locale: string
  /** The message under `key` (`share.select`), with the plural form for `count`. */
  t(key: ParseKeys, values?: Readonly<Record<string, unknown>>): string
  number(amount: number, options?: Intl.NumberFormatOptions): string
  /** Bytes as people read them: `4.2 MB`. */
  size(bytes: number): string
  /** `at` is in milliseconds since 1970; shown in UTC unless `options` say otherwise. */
  date(at: number, options: Intl.DateTimeFormatOptions): string
  /** `1–3 May 2026` */
  dateRange(from: number, to: number, options: Intl.DateTimeFormatOptions): string
  /** `a, b and c` */
  list(parts: readonly string[]): string
}

const sizeUnits = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const

/** All catalogues in one instance; a message that a language lacks is said in English. */
async function loadMessages(): Promise<i18n> {
  const instance = i18next.createInstance()
  await instance.init({
    fallbackLng: 'en',
    supportedLngs: [...languageCodes],
    resources: Object.fromEntries(languageCodes.map((code) => [code, { translation: locales[code] }])),
    // Handlebars escapes; and a title that looks like a message's name stays a title.
    interpolation: { escapeValue: false, skipOnVariables: true },
    nsSeparator: false,
  })
  return instance
}

const messages = await loadMessages()

/** Languages whose regions Intl may be told of: any two letters, so that a header cannot name anything odd. */
const localePattern = /^([a-z]{2})-([A-Z]{2})$/

/** Where a bare `en` or `pt` is meant, these regions. */
const usualRegion: Readonly<Partial<Record<LanguageCode, string>>> = { en: 'en-GB', pt: 'pt-PT' }

/** Making one takes longer than using it a hundred times. */
const dateFormats = new LRUCache<string, Intl.DateTimeFormat>({ max: 300 })
const numberFormats = new LRUCache<string, Intl.NumberFormat>({ max: 300 })

function kept<Options, Format extends object>(
  formats: LRUCache<string, Format>,
  make: (locale: string, options: Options) => Format,
): (locale: string, options: Options) => Format {
  return (locale, options) => {
    const key = `${locale} ${JSON.stringify(options)}`
    const known = formats.get(key)
    if (known) return known
    const made = make(locale, options)
    formats.set(key, made)
    return made
  }
}

const dateFormat = kept(
  dateFormats,
  (locale, options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(locale, options),
)
const numberFormat = kept(
  numberFormats,
  (locale, options: Intl.NumberFormatOptions) => new Intl.NumberFormat(locale, options),
)

function speak(code: LanguageCode, locale: string): Language {
  const translate = messages.getFixedT(code)
  const number = (amount: number, options: Intl.NumberFormatOptions = {}): string =>
    numberFormat(locale, options).format(amount)
  const dates = (options: Intl.DateTimeFormatOptions) => dateFormat(locale, { timeZone: 'UTC', ...options })
  return {
    code,
    direction: code === 'ar' ? 'rtl' : 'ltr',
    locale,
    t: (key, values = {}) => translate(key, { ...values }),
    number,
    size(bytes) {
      const exponent = Math.min(sizeUnits.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3))
      const amount = bytes / 1000 ** exponent
      return number(amount, {
        style: 'unit',
        unit: sizeUnits[exponent] ?? 'byte',
        unitDisplay: exponent === 0 ? 'long' : 'short',
        maximumFractionDigits: exponent > 1 && amount < 100 ? 1 : 0,
      })
    },
    date: (at, options) => dates(options).format(at),
    dateRange: (from, to, options) => dates(options).formatRange(from, to),
    list: (parts) => new Intl.ListFormat(locale, { type: 'conjunction' }).format(parts),
  }
}

const isCode = (text: string): text is LanguageCode => languageCodes.some((code) => code === text)

export const languageCookie = 'mayfly-language'

/** Languages by code and locale. */
const spoken = new LRUCache<string, Language>({ max: 300 })

/** The language that a reader chose, else the first of `Accept-Language` that there is a catalogue for, else English. */
export function languageOf(settings: WebSettings, req: Request): Language {
  const accepted = req.acceptsLanguages()
  const chosen = readCookie(settings, req, languageCookie)
  const code =
    chosen !== null && isCode(chosen)
      ? chosen
      : (accepted.map((tag) => tag.slice(0, 2).toLowerCase()).find(isCode) ?? 'en')
  const region = accepted.find((tag) => localePattern.exec(tag)?.[1] === code)
  const locale = region ?? usualRegion[code] ?? code
  const name = `${code} ${locale}`
  const known = spoken.get(name)
  if (known) return known
  const language = speak(code, locale)
  spoken.set(name, language)
  return language
}

/** Every language in its own name, for the switch. */
export const languageNames: readonly { readonly code: LanguageCode; readonly name: string }[] =
  languageCodes.map((code) => {
    const name = new Intl.DisplayNames([code], { type: 'language' }).of(code) ?? code
    return { code, name: name.charAt(0).toLocaleUpperCase(code) + name.slice(1) }
  })
