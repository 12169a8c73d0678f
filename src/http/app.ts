import express, { type Express } from 'express'
import expressStaticGzip from 'express-static-gzip'
import { notFound } from '../domain/records/errors.ts'
import { albumPages } from './owner/album-pages.ts'
import { api } from './api/api.ts'
import type { WebContext } from './context.ts'
import { nameCookies } from './input/cookies.ts'
import { delivery } from './delivery/delivery.ts'
import { errorPages } from './error-pages.ts'
import { errorHandler } from './errors.ts'
import { keyPages } from './owner/key-pages.ts'
import { libraryPages } from './owner/library-pages.ts'
import { linkPages } from './owner/link-pages.ts'
import { watchLinks } from './delivery/link-watch.ts'
import { mapPage } from './visitor/map-page.ts'
import { createMetrics } from './operators/metrics.ts'
import { operators, refuseWhileApart } from './operators/operators.ts'
import { openPlaces } from './delivery/fair-places.ts'
import { pictureNames, showPicture } from './delivery/pictures.ts'
import { refuseBrokenAddress, refuseCrossSite, refuseForeignHost, securityHeaders } from './input/security.ts'
import { senderPages } from './owner/sender-pages.ts'
import { showShare } from './visitor/share-page.ts'
import { tus } from './uploads/tus.ts'
import { warnOfUntrustedProxy } from './input/untrusted-proxy.ts'
import { createViews } from './pages/views.ts'
import { visitForms } from './visitor/visit-forms.ts'
import { visitorBytes } from './delivery/visitor-bytes.ts'
import { visitorPages } from './visitor/visitor-pages.ts'

/** The whole web service over its ports; the caller makes it listen. `metrics` measures its answers. */
export function createApp(context: WebContext, metrics = createMetrics(context.ports)): Express {
  const { ports, settings } = context
  const views = createViews(settings)
  const app = express()
  app.disable('x-powered-by')
  app.set('trust proxy', settings.trustProxy)
  // Flat queries only: `title[]=x` stays a name that no schema knows.
  app.set('query parser', 'simple')
  const places = openPlaces()
  const bytes = visitorBytes(context, watchLinks(ports), places.downloads)
  app.use(
    metrics.measure,
    warnOfUntrustedProxy(context),
    nameCookies(context),
    securityHeaders(settings),
    refuseForeignHost(settings),
    refuseBrokenAddress,
    refuseCrossSite(settings),
    refuseWhileApart(context),
  )
  // The most frequent routes first: Express compares a request with every route before its own.
  for (const name of pictureNames) app.get(`/s/:secret/items/:id/${name}`, showPicture(context, bytes, name))
  app.get('/s/:secret', showShare(context, views))
  app.use(operators(context))
  // File names contain a hash of the content. The build has compressed what is worth it.
  app.use(
    '/assets',
    expressStaticGzip(settings.clientDirectory, {
      enableBrotli: true,
      orderPreference: ['br', 'gz'],
      index: false,
      serveStatic: { immutable: true, maxAge: '1y' },
    }),
  )
  app.use('/api/v1/uploads', tus(context, places.uploads))
  app.use('/api/v1', api(context, places))
  app.use(delivery(context, bytes))
  app.use(visitorPages(context, views), visitForms(context), mapPage(context, views))
  app.use(albumPages(context, views), libraryPages(context, views))
  app.use(keyPages(context, views), linkPages(context, views))
  app.use(senderPages(context, views))
  app.use((_req, _res, next) => next(notFound('page')))
  app.use(errorHandler(ports.log, errorPages(views)))
  return app
}
