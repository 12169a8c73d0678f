const segment = /^[a-z0-9][a-z0-9._-]*$/
/** A key of that length has room in a file's name. */
const longestKey = 200

const isSegment = (text: string): boolean => segment.test(text)

/** Throws a `TypeError` for what is no key: small letters, digits, `.`, `_`, `-` in parts between slashes. No part starts with a dot. */
export function checkKey(key: string): void {
  if (key.length > longestKey || !key.split('/').every(isSegment))
    throw new TypeError('That is no bucket key')
}

/** Throws a `TypeError` for what begins no key, and for '': nobody may empty a whole bucket by mistake. */
export function checkPrefix(prefix: string): void {
  if (prefix === '') throw new TypeError('That is no prefix of bucket keys')
  checkListPrefix(prefix)
}

/** As `checkPrefix`, but '' is all. */
export function checkListPrefix(prefix: string): void {
  const parts = prefix.split('/')
  const last = parts.pop() ?? ''
  if (prefix.length > longestKey || !parts.every(isSegment) || !(last === '' || isSegment(last))) {
    throw new TypeError('That is no prefix of bucket keys')
  }
}
