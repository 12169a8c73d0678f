import { BlockList, isIPv4 } from 'node:net'
import type { RequestHandler } from 'express'
import type { WebContext } from './context.ts'

/** Networks in which a proxy of one's own stands: this machine's, and private ones (RFC 1918, 3927, 4193, 4291, 6598). */
const nearby = new BlockList()
for (const [network, prefix] of [
  ['127.0.0.0', 8],
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['169.254.0.0', 16],
  ['100.64.0.0', 10],
] as const)
  nearby.addSubnet(network, prefix, 'ipv4')
for (const [network, prefix] of [
  ['::1', 128],
  ['fc00::', 7],
  ['fe80::', 10],
] as const)
  nearby.addSubnet(network, prefix, 'ipv6')

// An IPv4 address that is mapped into IPv6 is found among those of IPv4.
const isNearby = (address: string): boolean => nearby.check(address, isIPv4(address) ? 'ipv4' : 'ipv6')

/**
 * Says once in the log that a proxy stands in front which TRUST_PROXY does not count: all visitors then have one address,
 * and share one address's allowances. Of a caller from elsewhere the header says nothing: anybody may send one.
 */
export function warnOfUntrustedProxy({ ports, settings }: WebContext): RequestHandler {
  let isDone = settings.trustProxy > 0
  return (req, _res, next) => {
    if (!isDone && (req.headers['x-forwarded-for'] ?? req.headers.forwarded) !== undefined) {
      const { remoteAddress = '' } = req.socket
      if (isNearby(remoteAddress)) {
        isDone = true
        ports.log.warn(
          { proxy: remoteAddress },
          'a proxy stands in front, but TRUST_PROXY is 0: all visitors count as one address and share its limits. Set TRUST_PROXY to the number of proxies in front',
        )
      }
    }
    next()
  }
}
