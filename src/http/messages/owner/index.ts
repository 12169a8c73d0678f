import type { LanguageCode } from '../index.ts'
import { ownerAr } from './ar.ts'
import { ownerDe } from './de.ts'
import { ownerEn } from './en.ts'
import { ownerEs } from './es.ts'
import { ownerFr } from './fr.ts'
import { ownerJa } from './ja.ts'
import { ownerPl } from './pl.ts'
import { ownerPt } from './pt.ts'
import { visitorWords } from './visitors.ts'

/** Sections of messages; a section may hold another one. */
type Sections = Readonly<Record<string, object>>

/** Both, section by section. */
const together = (some: Sections, others: Sections): Sections => ({
  ...some,
  ...Object.fromEntries(
    Object.entries(others).map(([name, section]) => [name, { ...some[name], ...section }]),
  ),
})

export const ownerCatalogues: Readonly<Record<LanguageCode, Sections>> = {
  en: ownerEn,
  de: together(ownerDe, visitorWords.de),
  fr: together(ownerFr, visitorWords.fr),
  es: together(ownerEs, visitorWords.es),
  pt: together(ownerPt, visitorWords.pt),
  ja: together(ownerJa, visitorWords.ja),
  ar: together(ownerAr, visitorWords.ar),
  pl: together(ownerPl, visitorWords.pl),
}
