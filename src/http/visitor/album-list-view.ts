import { shownTitle } from '../../domain/items/shown-text.ts'
import type { Language } from '../pages/language.ts'
import type { AlbumListPage } from '../pages/owner-page-views.ts'
import { hasMap, previewOf, senderOf, shownItems, titleOf, type Opened } from './share-view.ts'
import { untilWords, timeLeft, countWords } from '../pages/words.ts'
import { coverOf } from './cover.ts'

/** The album in which an item is looked at first; undefined where it is in none. */
export const albumWith = ({ albums }: Opened, item: string): string | undefined =>
  albums.find(({ items }) => items.some(({ id }) => id === item))?.album.id

/** The page of a link that opens several albums: each of them, to be opened. */
export function albumListPage(
  language: Language,
  opened: Opened,
  input: { path: string; base: string; genericCard: string; now: number },
): AlbumListPage {
  const { link, albums } = opened
  const all = shownItems(opened)
  const offered = all.filter(({ isWithheld }) => !isWithheld)
  const isWhole =
    link.allow.downloads && offered.length > 0 && offered.every(({ isDownloadable }) => isDownloadable)
  const bytes = offered.reduce((sum, item) => sum + item.bytes, 0)
  return {
    preview: previewOf(language, opened, input),
    base: input.path,
    title: titleOf(opened) ?? language.t('share.untitled'),
    sender: senderOf(opened),
    summary: countWords(language, all),
    timeLeft: timeLeft(language, link, input.now),
    until: untilWords(language, link, input.now),
    untilMachine: new Date(link.expiresAt).toISOString(),
    map: hasMap(link, all) ? `${input.path}/map` : null,
    zipSize: isWhole ? language.size(bytes) : null,
    hasPassword: link.password !== null,
    albums: albums.map((one) => {
      const shown = shownItems({ link, albums: [one] })
      const cover = coverOf(one.album, shown)
      return {
        title: shownTitle(one.album, link.metadata) || language.t('album.untitled'),
        summary: countWords(language, shown),
        address: `${input.path}?album=${one.album.id}`,
        cover: cover ? `${input.path}/items/${cover.id}/thumb` : null,
      }
    }),
  }
}
