import { createHmac, randomBytes } from 'node:crypto'
import type { Link } from '../records/records.ts'
import { sameText } from '../records/tokens.ts'

/**
 * What a browser keeps that was inside of a link: it has tries of its own at the door, so that no stranger who tries
 * passwords or names can shut it out. It opens nothing and names nobody; a new password or a new address of the link ends it.
 */
export function newWasHere(link: Link): string {
  const nonce = randomBytes(9).toString('base64url')
  return `${nonce}.${signature(link, nonce)}`
}

/** Whom a browser's mark tells apart at this link; null when it is not one of this link as it is now. */
export function readWasHere(link: Link, mark: string | null): string | null {
  const [nonce = '', signed = '', ...rest] = mark?.split('.') ?? []
  if (!/^[\w-]{12}$/.test(nonce) || rest.length > 0) return null
  return sameText(signed, signature(link, nonce)) ? nonce : null
}

/** Signed with what no visitor ever sees of the link. The sealed secret is another one for each address of the link. */
const signature = ({ id, secretHash, sealedSecret, password }: Link, nonce: string): string =>
  createHmac('sha256', [id, secretHash, sealedSecret, password?.hash ?? ''].join(' '))
    .update(nonce)
    .digest('base64url')
    .slice(0, 22)

/** Whether anything at the door of a link can be guessed, so that a visitor may have to stand out from those who do. */
export const isGuessable = ({ isChosen, password }: Link): boolean => isChosen || password !== null
