import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

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

/**
 * What an address counts as, however it is written: itself for IPv4, its network of 64 bits as four groups for IPv6, which
 * is one household's or one machine's (RFC 6177). Null for what is no address.
 */
export function countedAddress(text: string): string | null {
  if (text.length > mostCharacters) return null
  const bare = bareAddress(text)
  // The library also takes `1` and `0x7f.1` for addresses.
  if (isIP(bare) === 0) return null
  // An IPv4 address that is mapped into IPv6 (RFC 4291, 2.5.5.2) counts as itself.
  const address = ipaddr.process(bare)
  if (address instanceof ipaddr.IPv4) return address.toString()
  return address.toNormalizedString().split(':').slice(0, 4).join(':')
}

/** Networks in which a proxy of one's own stands: this machine's, and private ones. */
const nearbyRanges = new Set(['loopback', 'private', 'linkLocal', 'uniqueLocal', 'carrierGradeNat'])

/** Whether a connection comes from this machine or from a private network. */
export const isNearby = (address: string): boolean =>
  isIP(address) !== 0 && nearbyRanges.has(ipaddr.process(address).range())
