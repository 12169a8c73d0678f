import { groupAnswer, libraryAnswer, sharedGroupAnswer } from '../answer-schemas.ts'
import { groupQuery, libraryQuery, shareGroupBody } from '../request-schemas.ts'
import * as example from './examples.ts'
import type { Operation } from '../operations/operation.ts'

const title = 'Weekend in Lisbon, May 2026'

export const libraryOperations: readonly Operation[] = [
  {
    method: 'get',
    path: '/library',
    id: 'getLibrary',
    tag: 'Library',
    for: 'owner',
    summary: 'All your items in groups: moments, months, regions or folders, 100 at a time',
    description: 'Titles are in the language of `Accept-Language`. Groups within others follow these.',
    query: libraryQuery,
    answers: {
      200: {
        description: 'Groups from number `from` on.',
        body: libraryAnswer,
        example: {
          kind: 'moment',
          total: 1,
          items: 1,
          groups: [{ key: example.itemId, parent: null, title, count: 1, covers: [example.itemId] }],
        },
      },
    },
  },
  {
    method: 'get',
    path: '/library/group',
    id: 'getGroup',
    tag: 'Library',
    for: 'owner',
    summary: 'The items of one group, 500 at a time',
    query: groupQuery,
    answers: {
      200: {
        description: 'Items from number `from` on.',
        body: groupAnswer,
        example: { title, total: 1, items: [example.item] },
      },
    },
  },
  {
    method: 'post',
    path: '/library/share',
    id: 'shareGroup',
    tag: 'Library',
    for: 'owner',
    summary: 'Make an album of a group as it is now, and a link to it',
    body: shareGroupBody,
    example: { kind: 'month', key: '2026-05', expiresInDays: 7 },
    answers: {
      201: {
        description: 'The album and its link.',
        body: sharedGroupAnswer,
        example: { album: { ...example.album, kind: 'month', title: 'May 2026' }, link: example.link },
        headers: { Location: 'The address to hand out.' },
      },
    },
    refusals: ['too-many-items', 'secret-taken', 'secret-weak', 'too-many-requests'],
  },
]
