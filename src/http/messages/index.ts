import { en, type Messages } from './en.ts'

export const languageCodes = ['en', 'de', 'fr', 'es', 'pt', 'ja', 'ar', 'pl'] as const
export type LanguageCode = (typeof languageCodes)[number]

export const catalogues: Readonly<Record<LanguageCode, Messages>> = {
  en,
  de: en,
  fr: en,
  es: en,
  pt: en,
  ja: en,
  ar: en,
  pl: en,
}
