import { visitorShareAnswer } from '../answer-schemas.ts'
import { passwordBody, visitorQuery } from '../request-schemas.ts'
import * as example from './examples.ts'
import { nothing, type Operation } from '../operations/operation.ts'

const refusals = ['link-ended', 'link-locked', 'link-declined', 'too-many-requests'] as const

export const visitorOperations: readonly Operation[] = [
  {
    method: 'get',
    path: '/s/{secret}',
    id: 'getShare',
    tag: 'Visitors',
    for: 'visitor',
    summary: 'What a link opens: its albums, and 300 items at a time',
    query: visitorQuery,
    answers: {
      200: {
        description: 'All albums, or the one asked for by `album`.',
        body: visitorShareAnswer,
        example: example.visitorShare,
      },
    },
    refusals,
  },
  {
    method: 'post',
    path: '/s/{secret}/unlock',
    id: 'unlock',
    tag: 'Visitors',
    for: 'visitor',
    summary: 'Open a link by its password',
    body: passwordBody,
    example: { password: 'pastel de nata' },
    answers: nothing(
      'The session is set as a cookie; it ends with the browser, and when the password changes.',
    ),
    refusals: ['link-ended', 'wrong-password', 'too-many-requests'],
  },
  {
    method: 'post',
    path: '/s/{secret}/leave',
    id: 'leave',
    tag: 'Visitors',
    for: 'visitor',
    summary: 'End the session behind a password',
    answers: nothing('The link asks for its password again.'),
    refusals,
  },
  {
    method: 'post',
    path: '/s/{secret}/seen',
    id: 'markSeen',
    tag: 'Visitors',
    for: 'visitor',
    summary: 'Say that a person looks at the page',
    description: 'Counted once for each browser session, with the time and nothing else.',
    answers: nothing('Counted, or counted before.'),
    refusals,
  },
  {
    method: 'post',
    path: '/s/{secret}/decline',
    id: 'decline',
    tag: 'Visitors',
    for: 'visitor',
    summary: 'Shut a link in this browser',
    answers: nothing('The link is shut here, and for nobody else.'),
    refusals: ['link-ended', 'too-many-requests'],
  },
  {
    method: 'delete',
    path: '/s/{secret}/decline',
    id: 'undoDecline',
    tag: 'Visitors',
    for: 'visitor',
    summary: 'Open a link again that was declined in this browser',
    answers: nothing('The link is as for everybody.'),
    refusals: ['link-ended', 'too-many-requests'],
  },
]
