import type { Language } from '../pages/language.ts'
import type { LockedPage } from '../pages/page-views.ts'

/** The password page: it says nothing of what it guards, to people and to link previews. */
export function lockedPage(
  language: Language,
  { path, base, genericCard }: { path: string; base: string; genericCard: string },
  problem: string | null,
): LockedPage {
  return {
    action: `${path}/unlock`,
    problem,
    preview: {
      title: language.t('locked.title'),
      description: language.t('locked.preview'),
      url: base,
      image: genericCard,
      imageAlt: language.t('name'),
    },
  }
}
