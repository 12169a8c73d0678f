import { createHmac, randomBytes } from 'node:crypto'
import type { Link } from '../records/records.ts'
import { sameText } from '../records/tokens.ts'

/**
 * A mark for browsers that were let in before. They have tries of their own, so a stranger who guesses
 * passwords or slugs cannot lock them out. The mark opens nothing and names nobody; it ends with a new password or address.
 */
export function newWasHere(link: Link): string {
  const nonce = randomBytes(9).toString('base64url')
  return `${nonce}.${signature(link, nonce)}`
}

/** The id in a browser's mark; null if the mark is not valid for this link as it is now. */
export function readWasHere(link: Link, mark: string | null): string | null {
  const [nonce = '', signed = '', ...rest] = mark?.split('.') ?? []
  if (!/^[\w-]{12}$/.test(nonce) || rest.length > 0) return null
  return sameText(signed, signature(link, nonce)) ? nonce : null
}

/** Signed with the sealed secret, which no visitor sees and which changes with the link's address. */
const signature = ({ id, secretHash, sealedSecret, password }: Link, nonce: string): string =>
  createHmac('sha256', [id, secretHash, sealedSecret, password?.hash ?? ''].join(' '))
    .update(nonce)
    .digest('base64url')
    .slice(0, 22)

/** Whether anything about the link can be guessed (a slug, a password), so that a mark is of use. */
export const isGuessable = ({ isChosen, password }: Link): boolean => isChosen || password !== null
