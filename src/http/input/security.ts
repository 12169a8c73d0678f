import type { RequestHandler } from 'express'
import helmet from 'helmet'
import { Refused } from '../../domain/records/errors.ts'
import type { WebSettings } from '../context.ts'

/** What a page may ask of the device: copying the link, sharing it and keeping the screen on while files are sent; nothing else. */
const permissionsPolicy = [
  ...[
    'accelerometer',
    'browsing-topics',
    'camera',
    'display-capture',
    'geolocation',
    'gyroscope',
    'magnetometer',
  ],
  ...['microphone', 'midi', 'payment', 'publickey-credentials-get', 'serial', 'usb', 'xr-spatial-tracking'],
]
  .map((name) => `${name}=()`)
  .join(', ')

/** Headers of every answer. Bytes of a share get stricter ones on top (see send-object). */
export function securityHeaders(settings: WebSettings): RequestHandler[] {
  const isHttps = settings.publicUrl?.startsWith('https:') ?? false
  return [
    helmet({
      contentSecurityPolicy: {
        useDefaults: false,
        directives: {
          defaultSrc: ["'none'"],
          scriptSrc: ["'self'"],
          styleSrc: ["'self'"],
          imgSrc: ["'self'", 'blob:'],
          mediaSrc: ["'self'", 'blob:'],
          connectSrc: ["'self'"],
          manifestSrc: ["'self'"],
          workerSrc: ["'self'"],
          formAction: ["'self'"],
          baseUri: ["'none'"],
          frameAncestors: ["'none'"],
        },
      },
      // Like `frameAncestors` above, for old browsers.
      frameguard: { action: 'deny' },
      referrerPolicy: { policy: 'no-referrer' },
      // Link previews fetch the card from other sites' servers, and a person may save any picture: nothing is
      // gained by more than this for pages; bytes say same-origin themselves.
      crossOriginEmbedderPolicy: false,
      strictTransportSecurity: isHttps ? { maxAge: 31_536_000, includeSubDomains: false } : false,
    }),
    (_req, res, next) => {
      res.setHeader('X-Robots-Tag', 'noindex, nofollow')
      res.setHeader('Permissions-Policy', permissionsPolicy)
      next()
    },
  ]
}

/** Refuses an address whose percent-encoding is not valid (RFC 3986, 2.1), on every route. */
export const refuseBrokenAddress: RequestHandler = (req, _res, next) => {
  if (!req.url.includes('%')) return next()
  try {
    decodeURIComponent(req.path)
  } catch (error) {
    return next(new Refused('bad-request', 'The address is not valid.', {}, { cause: error }))
  }
  next()
}

const hostPattern = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i

/**
 * Refuses names that are not this machine's, where no PUBLIC_URL says what it is called: another site may let its own
 * name lead here (DNS rebinding), and its page would be one of ours for the browser.
 */
export function refuseForeignHost(settings: WebSettings): RequestHandler {
  return (req, _res, next) => {
    const host = req.get('host')
    const isOurs = settings.publicUrl !== null || host === undefined || hostPattern.test(host)
    next(
      isOurs
        ? undefined
        : new Refused('wrong-host', 'This server does not answer to this host name: set PUBLIC_URL.'),
    )
  }
}

const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Refuses changes that another site's page makes in a visitor's or sender's name. Browsers say where a request
 * comes from (Fetch Metadata, else Origin); programs say neither and hold no cookie that could be abused.
 */
export function refuseCrossSite(settings: WebSettings): RequestHandler {
  return (req, _res, next) => {
    if (safeMethods.has(req.method)) return next()
    const site = req.get('sec-fetch-site')
    const origin = req.get('origin')
    const ownOrigins = [
      settings.publicUrl && new URL(settings.publicUrl).origin,
      `http://${req.get('host') ?? ''}`,
    ]
    const isForeign =
      site === undefined
        ? origin !== undefined && !ownOrigins.includes(origin)
        : site !== 'same-origin' && site !== 'none'
    next(isForeign ? new Refused('cross-site', 'Another site may not do this in your name.') : undefined)
  }
}
