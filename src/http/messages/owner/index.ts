import type { LanguageCode } from '../index.ts'
import { ownerEn } from './en.ts'
import { visitorWords } from './visitors.ts'

/** What a language lacks is said in English, message by message. */
export const ownerCatalogues: Readonly<Record<LanguageCode, object>> = { en: ownerEn, ...visitorWords }
