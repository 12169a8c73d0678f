import type { RequestHandler } from 'express'
import { isNearby } from './caller-address.ts'
import type { WebContext } from '../context.ts'

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
