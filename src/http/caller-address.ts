import { isIP, isIPv4 } from 'node:net'

/** Longer texts are no address: one of IPv6 with a zone and a port has under 80 characters. */
const mostCharacters = 100

/** The address alone: without the brackets and the port that some proxies add to it, and without a zone (RFC 4007, 11). */
function bareAddress(text: string): string {
  const trimmed = text.trim()
  const [, bracketed] = /^\[([^\]]+)\](?::\d{1,5})?$/.exec(trimmed) ?? []
  const [, withPort] = /^(\d{1,3}(?:\.\d{1,3}){3}):\d{1,5}$/.exec(trimmed) ?? []
  const [address = ''] = (bracketed ?? withPort ?? trimmed).split('%')
  return address
}

/** The eight groups of an address of IPv6, each without leading zeros. */
function groupsOf(address: string): string[] {
  // Brings every way to write one to one (RFC 5952), with an IPv4 address at its end as two groups.
  const [head = '', tail] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  return [...before, ...Array.from({ length: 8 - before.length - after.length }, () => '0'), ...after]
}

/** The IPv4 address that is mapped into one of IPv6 (RFC 4291, 2.5.5.2); null for every other. */
function mappedAddress(groups: readonly string[]): string | null {
  const [high = '0', low = '0'] = groups.slice(6)
  if (groups.slice(0, 6).join(':') !== '0:0:0:0:0:ffff') return null
  const bits = [parseInt(high, 16), parseInt(low, 16)]
  return bits.flatMap((group) => [group >> 8, group & 255]).join('.')
}

/**
 * What an address counts as, however it is written: itself for IPv4, its network of 64 bits as four groups for IPv6, which
 * is one household's or one machine's (RFC 6177). Null for what is no address.
 */
export function countedAddress(text: string): string | null {
  if (text.length > mostCharacters) return null
  const address = bareAddress(text)
  if (isIPv4(address)) return address
  if (isIP(address) !== 6) return null
  const groups = groupsOf(address)
  return mappedAddress(groups) ?? groups.slice(0, 4).join(':')
}
