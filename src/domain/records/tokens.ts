import { createHash, hash, randomBytes, timingSafeEqual } from 'node:crypto'

/** RFC 4648 base32 in lower case: survives case-blind file systems, and a double click selects all of it. */
const alphabet = 'abcdefghijklmnopqrstuvwxyz234567'
/** The same characters in the order of their codes: texts of one length then sort as their bytes do. */
const sortedAlphabet = '234567abcdefghijklmnopqrstuvwxyz'

function base32(bytes: Uint8Array, alphabet: string): string {
  let text = ''
  let bits = 0
  let pending = 0
  for (const byte of bytes) {
    pending = (pending << 8) | byte
    bits += 8
    while (bits >= 5) {
      bits -= 5
      text += alphabet[(pending >> bits) & 31]
    }
    pending &= (1 << bits) - 1
  }
  if (bits > 0) text += alphabet[(pending << (5 - bits)) & 31]
  return text
}

/** A random id or secret: 26 characters of a–z and 2–7, 128 bits. */
export const randomToken = (): string => base32(randomBytes(16), alphabet)

/** A random owner key: 52 characters of a–z and 2–7, 256 bits. */
export const randomOwnerKey = (): string => base32(randomBytes(32), alphabet)

/** An id as `randomToken` makes them, but of given bytes (16) and sorting as they do. */
export const sortedToken = (bytes: Uint8Array): string => base32(bytes, sortedAlphabet)

export const tokenPattern = /^[a-z2-7]{26}$/
export const ownerKeyPattern = /^[a-z2-7]{52}$/

/** SHA-256 in hexadecimal: how secrets of 128 bits and more are kept. (Passwords get argon2id.) */
export const hashToken = (token: string): string => hash('sha256', token, 'hex')

/** Compares two texts without telling by the time taken where they differ. */
export function sameText(a: string, b: string): boolean {
  const [hashA, hashB] = [createHash('sha256').update(a).digest(), createHash('sha256').update(b).digest()]
  return timingSafeEqual(hashA, hashB)
}
