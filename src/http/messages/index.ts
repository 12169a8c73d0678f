import { ar } from './ar.ts'
import { de } from './de.ts'
import { en, type Messages } from './en.ts'
import { es } from './es.ts'
import { fr } from './fr.ts'
import { ja } from './ja.ts'
import { pl } from './pl.ts'
import { pt } from './pt.ts'

export const languageCodes = ['en', 'de', 'fr', 'es', 'pt', 'ja', 'ar', 'pl'] as const
export type LanguageCode = (typeof languageCodes)[number]

export const catalogues: Readonly<Record<LanguageCode, Messages>> = { en, de, fr, es, pt, ja, ar, pl }
