/** Bytes of UTF-8 that a file's name may have on ext4, APFS and NTFS alike. */
const maxNameBytes = 255

/** Characters of a path that are looked at, from its end: PATH_MAX of Linux. */
const longestPath = 4096

/** Room kept for the number in `name (2).jpg`, up to ` (99999999)`. */
const numberBytes = 11

/**
 * What nobody sees but what makes a name lie or break: controls, line ends, bidi controls (U+202E turns
 * `gpj.exe` into `exe.jpg`), zero-width marks. U+200C, U+200D and tags stay: Persian words and emoji need them.
 */
const invisible =
  /[\p{Cc}\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\uffff]/gu

/** Lone halves of UTF-16 pairs, which UTF-8 cannot hold. */
const loneSurrogate = /\p{Cs}/gu

/** Characters that Windows refuses in names ("Naming Files, Paths, and Namespaces"); separators are gone by then. */
const refusedByWindows = /[<>:"|?*/\\]/g

/** Separators in titles that are not allowed in file names. */
const separators = /[/\\:|]/g

/** Device names of Windows, reserved with any extension; the superscript digits are too. */
const windowsDevice = /^(?:con|prn|aux|nul|clock\$|conin\$|conout\$|(?:com|lpt)[0-9¹²³])\s*(?:\.|$)/i

/** Names of plain ASCII in which `safeName` finds nothing to change, unless they are a device's: nearly all. */
const plainName = /^[\w(][\w ()+,.@=&!-]*[\w)]$/

const extensionPattern = /\.[\p{L}\p{N}_-]{1,16}$/u

/**
 * The last part of `name` in a form that is safe to show, to put into a header (by `contentDisposition`) and
 * to save on Linux, macOS and Windows: NFC, 1 to 255 bytes of UTF-8 with its extension kept, no separator,
 * control or bidi control, no leading dot, no name that Windows reserves. Idempotent; never throws.
 */
export function safeName(name: string): string {
  // An album of 10,000 waits for this: 16 ms without it, 3 with.
  if (name.length <= maxNameBytes && plainName.test(name) && !windowsDevice.test(name)) return name
  let safe = (
    endOfPath(name)
      .split(/[/\\]/)
      .findLast((part) => /[^.\s]/.test(part)) ?? ''
  )
    .replace(loneSurrogate, '_')
    .replace(invisible, '')
    .normalize('NFC')
    .replace(refusedByWindows, '_')
  safe = trimTail(safe.replace(/^\s+/, ''))
  if (safe.startsWith('.')) {
    const rest = safe.replace(/^[.\s]+/, '')
    // `.jpg` is an extension without a name; `.hidden.jpg` would be unseen after unpacking.
    safe = rest.includes('.') ? rest : `file.${rest}`
  }
  if (safe === '' || safe === 'file.') safe = 'file'
  if (windowsDevice.test(safe)) safe = `_${safe}`
  const { stem, extension } = split(safe)
  return trimTail(cut(stem, maxNameBytes - Buffer.byteLength(extension)) + extension)
}

/**
 * Makes every name safe (see `safeName`) and different from all others also where case and form do not count
 * (Windows, macOS): `a.jpg`, `A.jpg` become `a.jpg`, `A (2).jpg`. Order and count stay; the first of equal names
 * keeps its own, and no name that stands later in the list is taken by a number. Flat names: no folders.
 */
export function uniqueNames(names: readonly string[]): string[] {
  const safe = names.map(safeName)
  const taken = new Set<string>()
  const repeated: number[] = []
  for (const [index, name] of safe.entries()) {
    const key = comparable(name)
    if (taken.has(key)) repeated.push(index)
    else taken.add(key)
  }
  const lastNumber = new Map<string, number>()
  for (const index of repeated) {
    const { stem, extension } = split(safe[index] ?? '')
    // Cut first: long names that differ only in their tail then count on together, not each from 2 again.
    const base = cut(stem, maxNameBytes - numberBytes - Buffer.byteLength(extension)).trimEnd()
    const group = comparable(base + extension)
    let number = lastNumber.get(group) ?? 1
    let candidate: string
    do {
      number += 1
      candidate = `${base} (${number})${extension}`
    } while (taken.has(comparable(candidate)))
    lastNumber.set(group, number)
    taken.add(comparable(candidate))
    safe[index] = candidate
  }
  return safe
}

/**
 * A file's name for what a person called `title`, such as “Wedding 01/02/2024”: whole, for a slash in it divides no folders.
 * Safe as by `safeName`.
 */
export const nameFromTitle = (title: string, extension: string): string =>
  safeName(`${title.replace(separators, '-')}.${extension}`)

/**
 * The value of a `Content-Disposition` header (RFC 6266) for `name`, made safe first: an ASCII fallback, and
 * the name in UTF-8 (RFC 8187). Holds printable ASCII only, whatever the name.
 */
export function contentDisposition(name: string, type: 'attachment' | 'inline'): string {
  const safe = safeName(name)
  const fallback = safe
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    // Some browsers decode `%41` in the plain form, so that the sign goes as well.
    .replace(/[^\x20-\x7e]|["\\%/]/gu, '_')
    // `…` has become three dots, and marks alone nothing at all.
    .replace(/^(?:\.+|$)/, '_')
  const encoded = encodeURIComponent(safe).replace(
    /['()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return `${type}; filename="${fallback}"; filename*=UTF-8''${encoded}`
}

function split(name: string): { stem: string; extension: string } {
  const at = name.search(extensionPattern)
  return at > 0 ? { stem: name.slice(0, at), extension: name.slice(at) } : { stem: name, extension: '' }
}

/** The longest head of `text` with at most `bytes` bytes of UTF-8, never half a character. */
function cut(text: string, bytes: number): string {
  if (text.length * 3 <= bytes || Buffer.byteLength(text) <= bytes) return text
  let length = 0
  let left = bytes
  for (const character of text) {
    left -= Buffer.byteLength(character)
    if (left < 0) break
    length += character.length
  }
  return text.slice(0, length)
}

/** What counts of a path that a stranger sent: its end, where the file's name stands, and no more than a file system takes. */
export const endOfPath = (path: string): string => path.slice(-longestPath)

/**
 * Windows drops dots and spaces at the end of a name, and then finds another file. Not by a pattern: one that ends with
 * `+$` looks at a long run again from each of its signs.
 */
function trimTail(name: string): string {
  let end = name.length
  while (end > 0 && (name.charAt(end - 1) === '.' || name.charAt(end - 1).trim() === '')) end -= 1
  return name.slice(0, end)
}

/** Equal for names that some file system takes for one. */
function comparable(name: string): string {
  // Names of plain ASCII, nearly all, need no tables.
  if (/^[\x20-\x7e]*$/.test(name)) return name.toLowerCase()
  return name
    .normalize('NFKC')
    .replace(/\p{Default_Ignorable_Code_Point}/gu, '')
    .toUpperCase()
    .toLowerCase()
    .normalize('NFKC')
}
