import { isIPv4 } from 'node:net'
import type { Party } from '../../../ports.ts'

/** How many households share one IPv6 /48 at most providers that assign smaller networks (RFC 6177). */
const householdsIn48 = 4

/**
 * Whom an address, as `addressOf` answers it, may stand for. Of IPv6 that is one household's network of 64 bits, and the
 * one of 48 bits around it, which a single customer may have as well: it counts as a few of them.
 */
export function networksOf(address: string): Party {
  const names = [{ name: `address ${address}`, persons: 1 }]
  if (address === '' || isIPv4(address)) return names
  return [...names, { name: `network ${address.split(':').slice(0, 3).join(':')}`, persons: householdsIn48 }]
}

export const ownerParty = (owner: string): Party => [{ name: `owner ${owner}`, persons: 1 }]
export const linkParty = (link: string): Party => [{ name: `link ${link}`, persons: 1 }]
