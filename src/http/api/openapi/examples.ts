import { usualOptions } from '../../../domain/records/link-options.ts'

/** Values that the examples share. They open nothing. */
export const linkId = 'mzxw6ytboi4dcmrtgq2tmnzyhe'
export const albumId = 'nbswy3dpeb3w64tmmqqho33snm'
export const itemId = 'obqxg43xn5zgiidjnz2gkzdfmq'
const url = 'https://share.example/s/lisbon-with-grandma'

export const itemState = { id: itemId, name: 'IMG_0042.HEIC', state: 'ready' }

export const link = {
  id: linkId,
  label: 'For grandma',
  url,
  isChosen: true,
  createdAt: '2026-05-04T09:00:00.000Z',
  renewedAt: '2026-05-04T09:00:00.000Z',
  expiresAt: '2026-05-07T09:00:00.000Z',
  endedBy: null,
  renewableUntil: '2026-05-08T08:30:00.000Z',
  hasPassword: true,
  ...usualOptions,
  albums: [{ id: albumId, title: 'Lisbon', count: 1 }],
  visits: 3,
  downloads: 1,
  lastVisitAt: '2026-05-05T18:12:00.000Z',
  state: 'open',
}

export const album = {
  id: albumId,
  kind: 'manual',
  title: 'Lisbon',
  description: '',
  sender: 'Ada',
  order: 'date',
  cover: null,
  createdAt: '2026-05-04T08:58:00.000Z',
  count: 1,
}

export const item = {
  ...itemState,
  kind: 'photo',
  format: 'heic',
  folder: 'Lisbon/Day 1',
  size: 2_412_544,
  createdAt: '2026-05-04T08:59:00.000Z',
  isPrivate: false,
  isLive: true,
  capturedAt: { local: '2026-05-02T14:03:11', offset: '+01:00' },
  coordinates: { latitude: 38.7139, longitude: -9.1334 },
  place: { country: 'Portugal', state: 'Lisbon', city: 'Lisbon', neighbourhood: 'Alfama' },
  albums: [albumId],
}

const itemUrl = `${url}/items/${itemId}`
export const visitorShare = {
  title: 'Lisbon',
  sender: 'Ada',
  expiresAt: '2026-05-07T09:00:00.000Z',
  allow: usualOptions.allow,
  count: 1,
  albums: [{ id: albumId, title: 'Lisbon', description: '', sender: 'Ada', count: 1, cover: itemId }],
  zip: `${url}/zip`,
  map: null,
  next: null,
  items: [
    {
      id: itemId,
      name: 'IMG_0042.HEIC',
      kind: 'photo',
      format: 'heic',
      state: 'ready',
      width: 4032,
      height: 3024,
      duration: null,
      isLive: true,
      isDownloadable: true,
      isWithheld: false,
      size: 2_398_110,
      capturedAt: { local: '2026-05-02T14:03:11', offset: '+01:00' },
      coordinates: null,
      place: null,
      urls: {
        page: itemUrl,
        thumb: `${itemUrl}/thumb`,
        preview: `${itemUrl}/preview`,
        video: null,
        download: `${itemUrl}/download`,
      },
    },
  ],
}

export const skipped = {
  name: 'notes.pdf',
  reason: 'unsupported-format',
  message: '“notes.pdf” is not a photo or video that Mayfly knows.',
} as const
