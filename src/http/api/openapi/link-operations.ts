import { linkAnswer, linkDetailAnswer, linksAnswer, stoppedAnswer } from '../answer-schemas.ts'
import { editLinkBody, keepQuery, newLinkBody, renewLinkBody } from '../request-schemas.ts'
import { fromQuery } from '../../input/paging.ts'
import * as example from './examples.ts'
import { nothing, type Operation } from '../operations/operation.ts'

export const linkOperations: readonly Operation[] = [
  {
    method: 'post',
    path: '/links',
    id: 'createLink',
    tag: 'Links',
    for: 'owner',
    summary: 'Make a link to one or several albums',
    description:
      'Several albums under one secret are shown as a list, then each. Without a secret of your own it is random.',
    body: newLinkBody,
    example: {
      albums: [example.albumId],
      label: 'For grandma',
      secret: 'lisbon-with-grandma',
      expiresInDays: 3,
      password: 'pastel de nata',
    },
    answers: {
      201: {
        description: 'The link. `Location` is its address.',
        body: linkAnswer,
        example: example.link,
        headers: { Location: 'The address to hand out.' },
      },
    },
    refusals: ['secret-taken', 'secret-weak', 'too-many-requests'],
  },
  {
    method: 'get',
    path: '/links',
    id: 'listLinks',
    tag: 'Links',
    for: 'owner',
    summary: 'All links of all albums, newest first, 100 at a time',
    query: fromQuery,
    answers: {
      200: {
        description: 'Links from number `from` on.',
        body: linksAnswer,
        example: { total: 1, links: [example.link] },
      },
    },
  },
  {
    method: 'delete',
    path: '/links',
    id: 'stopAll',
    tag: 'Links',
    for: 'owner',
    summary: 'Stop all links',
    description: 'What they alone open is deleted: within a minute, or after a day with `keep=day`.',
    query: keepQuery,
    answers: { 200: { description: 'How many links ended.', body: stoppedAnswer, example: { stopped: 2 } } },
  },
  {
    method: 'get',
    path: '/links/{id}',
    id: 'getLink',
    tag: 'Links',
    for: 'owner',
    summary: 'One link, and whether everything that it opens can be had yet',
    answers: {
      200: {
        description: 'The link with its items.',
        body: linkDetailAnswer,
        example: { ...example.link, state: 'ready', items: [example.itemState] },
      },
    },
  },
  {
    method: 'patch',
    path: '/links/{id}',
    id: 'editLink',
    tag: 'Links',
    for: 'owner',
    summary: 'Change a link: what is absent stays',
    description:
      'Shortens and extends too, up to the longest life after its making or last renewal. `secret: null` gives a new ' +
      'random address, `password: null` takes the password away; changing the password ends every access.',
    body: editLinkBody,
    example: { label: 'For grandma and grandpa', expiresInDays: 7, allow: { downloads: false } },
    answers: { 200: { description: 'The link as it is now.', body: linkAnswer, example: example.link } },
    refusals: ['link-ended', 'secret-taken', 'secret-weak', 'too-many-requests'],
  },
  {
    method: 'post',
    path: '/links/{id}/renew',
    id: 'renewLink',
    tag: 'Links',
    for: 'owner',
    summary: 'Renew a link from now on, also within the day after its expiry',
    body: renewLinkBody,
    example: { expiresInDays: 14 },
    answers: { 200: { description: 'The link as it is now.', body: linkAnswer, example: example.link } },
    refusals: ['link-ended', 'secret-taken'],
  },
  {
    method: 'delete',
    path: '/links/{id}',
    id: 'stopSharing',
    tag: 'Links',
    for: 'owner',
    summary: 'Stop sharing',
    description:
      'Final for the link. What no other link opens is deleted: within a minute, or after a day with `keep=day`.',
    query: keepQuery,
    answers: nothing('The link has ended; nobody gets a byte through it any more.'),
  },
]
