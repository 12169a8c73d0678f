import {
  addedItemsAnswer,
  albumAnswer,
  albumDetailAnswer,
  albumsAnswer,
  itemAnswer,
  itemsAnswer,
} from '../answer-schemas.ts'
import { editAlbumBody, editItemBody, editItemsBody, itemsBody, newAlbumBody } from '../request-schemas.ts'
import { fromQuery } from '../../input/paging.ts'
import * as example from './examples.ts'
import { filesBody } from './sharing-operations.ts'
import { nothing, type Answer, type Operation } from '../operations/operation.ts'

const picture: Readonly<Record<number, Answer>> = {
  200: { description: 'The picture.', types: ['image/webp', 'image/jpeg', 'image/png', 'image/avif'] },
  206: {
    description: 'The bytes of the range asked for.',
    types: ['image/webp', 'image/jpeg', 'image/png', 'image/avif'],
  },
  304: { description: 'The picture that the caller has already.' },
}

export const albumOperations: readonly Operation[] = [
  {
    method: 'get',
    path: '/albums',
    id: 'listAlbums',
    tag: 'Albums',
    for: 'owner',
    summary: 'All albums, newest first, 100 at a time',
    query: fromQuery,
    answers: {
      200: {
        description: 'Albums from number `from` on.',
        body: albumsAnswer,
        example: { total: 1, albums: [example.album] },
      },
    },
  },
  {
    method: 'post',
    path: '/albums',
    id: 'createAlbum',
    tag: 'Albums',
    for: 'owner',
    summary: 'Make an album, of items that are there already or empty',
    description: 'It has a day to get its first link; then it is deleted, with what stands in no other.',
    body: newAlbumBody,
    example: { title: 'Lisbon', sender: 'Ada', items: [example.itemId] },
    answers: {
      201: {
        description: 'The album.',
        body: albumAnswer,
        example: example.album,
        headers: { Location: 'Its address in this API.' },
      },
    },
    refusals: ['too-many-items'],
  },
  {
    method: 'get',
    path: '/albums/{id}',
    id: 'getAlbum',
    tag: 'Albums',
    for: 'owner',
    summary: 'One album with its links and 500 of its items',
    query: fromQuery,
    answers: {
      200: {
        description: 'The album, its items from number `from` on, and all its links.',
        body: albumDetailAnswer,
        example: { ...example.album, items: [example.item], links: [example.link] },
      },
    },
  },
  {
    method: 'patch',
    path: '/albums/{id}',
    id: 'editAlbum',
    tag: 'Albums',
    for: 'owner',
    summary: 'Change an album: what is absent stays',
    description:
      '`items`, every one of them once, is the order by hand; `order: "date"` goes back to capture dates.',
    body: editAlbumBody,
    example: { title: 'Lisbon in May', cover: example.itemId },
    answers: { 200: { description: 'The album as it is now.', body: albumAnswer, example: example.album } },
  },
  {
    method: 'delete',
    path: '/albums/{id}',
    id: 'deleteAlbum',
    tag: 'Albums',
    for: 'owner',
    summary: 'Delete an album',
    description: 'Its links end with it; those that open other albums too only lose it.',
    answers: nothing('The album is gone.'),
  },
  {
    method: 'post',
    path: '/albums/{id}/items',
    id: 'addItems',
    tag: 'Albums',
    for: 'owner',
    summary: 'Upload files into an album, or put items into it that are there already',
    body: itemsBody,
    example: { items: [example.itemId] },
    otherBodies: { 'multipart/form-data': filesBody },
    answers: {
      200: {
        description: 'The album, with the items named in it.',
        body: albumAnswer,
        example: example.album,
      },
      201: {
        description: 'The items that were uploaded, and the files that were left out: see `POST /shares`.',
        body: addedItemsAnswer,
        example: { items: [{ ...example.itemState, state: 'uploaded' }], skipped: [example.skipped] },
      },
    },
    refusals: [
      'too-many-items',
      'file-too-large',
      'unsupported-format',
      'owner-quota',
      'instance-full',
      'too-slow',
    ],
  },
  {
    method: 'post',
    path: '/albums/{id}/items/remove',
    id: 'removeItems',
    tag: 'Albums',
    for: 'owner',
    summary: 'Take items out of an album',
    description: 'One that stands in no other album is deleted.',
    body: itemsBody,
    example: { items: [example.itemId] },
    answers: nothing('The items are out of it.'),
  },
  {
    method: 'get',
    path: '/items',
    id: 'listItems',
    tag: 'Items',
    for: 'owner',
    summary: 'All items, the last uploaded first, 500 at a time',
    query: fromQuery,
    answers: {
      200: {
        description: 'Items from number `from` on.',
        body: itemsAnswer,
        example: { total: 1, items: [example.item] },
      },
    },
  },
  {
    method: 'patch',
    path: '/items',
    id: 'editItems',
    tag: 'Items',
    for: 'owner',
    summary: 'Mark items private, so that no link shows them, or take the mark away',
    body: editItemsBody,
    example: { items: [example.itemId], isPrivate: true },
    answers: nothing('All of them are marked so.'),
  },
  {
    method: 'get',
    path: '/items/{id}',
    id: 'getItem',
    tag: 'Items',
    for: 'owner',
    summary: 'One item',
    answers: { 200: { description: 'The item.', body: itemAnswer, example: example.item } },
  },
  {
    method: 'patch',
    path: '/items/{id}',
    id: 'editItem',
    tag: 'Items',
    for: 'owner',
    summary: 'Mark an item private, or take the mark away',
    body: editItemBody,
    example: { isPrivate: true },
    answers: {
      200: {
        description: 'The item as it is now.',
        body: itemAnswer,
        example: { ...example.item, isPrivate: true },
      },
    },
  },
  {
    method: 'post',
    path: '/items/{id}/retry',
    id: 'retryItem',
    tag: 'Items',
    for: 'owner',
    summary: 'Try again what went wrong with an item',
    description:
      'A file that could not be opened, or not yet (`waiting`, which is also tried again by itself); a copy that was withheld; a video that could not be made to play.',
    answers: {
      202: {
        description: 'It is tried again; the item as it is now.',
        body: itemAnswer,
        example: { ...example.item, state: 'uploaded' },
      },
    },
    refusals: ['nothing-to-retry'],
  },
  {
    method: 'delete',
    path: '/items/{id}',
    id: 'deleteItem',
    tag: 'Items',
    for: 'owner',
    summary: 'Delete an item from every album',
    answers: nothing('The item is gone.'),
  },
  ...(['thumb', 'preview'] as const).map((name): Operation => ({
    method: 'get',
    path: `/items/{id}/${name}`,
    id: name === 'thumb' ? 'getThumb' : 'getPreview',
    tag: 'Items',
    for: 'owner',
    summary: name === 'thumb' ? 'A small picture of an item' : 'A picture of an item to look at',
    answers: picture,
    refusals: ['not-ready', 'range'],
  })),
]
