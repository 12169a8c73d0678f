import type { MetadataPolicy } from '../media/types.ts'
import type { Album } from './records.ts'

/**
 * An album's title as visitors of a link may read it: one that was made of a place's name is told only under the
 * policy that keeps location.
 */
export const shownTitle = (album: Album, policy: MetadataPolicy): string =>
  policy === 'everything' ? album.title : (album.titleWithoutPlace ?? album.title)
