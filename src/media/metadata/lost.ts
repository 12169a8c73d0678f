import type { MetadataPolicy } from '../types.ts'
import type { Tag } from './tags.ts'

interface Feature {
  readonly words: string
  readonly has: (tag: Tag) => boolean
  /** Whether `none` says already that it goes. */
  readonly isPersonal?: true
}

/** What a recipient would miss, told by the tags that come with it. */
const features: readonly Feature[] = [
  {
    words: 'the HDR gain map',
    has: (tag) =>
      /^(HDRGainMap\w*|GainMapImage|HDRCapacityMax|GainMapMax)$/.test(tag.name) ||
      tag.groups.includes('MPImage2'),
  },
  {
    words: 'the motion video',
    has: (tag) => /^(MicroVideo|MotionPhoto|EmbeddedVideoFile|MotionPhotoVideo)$/.test(tag.name),
  },
  {
    words: 'the Live Photo pairing',
    has: (tag) => tag.name === 'ContentIdentifier' || tag.name === 'MediaGroupUUID',
    isPersonal: true,
  },
  {
    words: 'the capture date',
    has: (tag) =>
      /^(DateTimeOriginal|CreationDate|CreateDate|DateCreated)$/.test(tag.name) && /[1-9]/.test(tag.value),
    isPersonal: true,
  },
]

/** What the copy lost besides what its policy names, in plain words. */
export function lostBetween(
  before: readonly Tag[],
  after: readonly Tag[],
  policy: Exclude<MetadataPolicy, 'everything'>,
): string[] {
  return features
    .filter(({ isPersonal }) => !(isPersonal && policy === 'none'))
    .filter(({ has }) => before.some(has) && !after.some(has))
    .map(({ words }) => words)
}
