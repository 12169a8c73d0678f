import type { LanguageCode } from '../index.ts'
import { ownerEn } from './en.ts'

/** A language without its own falls back to English, message by message. */
export const ownerCatalogues: Readonly<Partial<Record<LanguageCode, typeof ownerEn>>> = { en: ownerEn }
