import { Router, type RequestHandler } from 'express'
import { Refused } from '../../domain/records/errors.ts'
import { apartSentences } from '../../domain/records/instance/instance.ts'
import { checkSchema, StoreTooNew } from '../../domain/records/schema.ts'
import type { WebContext } from '../context.ts'
import { watchReadiness } from './readiness.ts'

/** For operators: alive, ready. Neither tells anything about shares. */
export function operators({ ports, stopping }: WebContext): Router {
  const router = Router()
  const readiness = watchReadiness(
    [
      { name: 'store', check: checkStore },
      { name: 'bucket', check: () => ports.bucket.check() },
    ],
    ports.log,
  )

  router.get('/healthz', (_req, res) => void res.type('text/plain').send('alive\n'))

  router.get('/readyz', async (_req, res) => {
    const { passed, reasons, errors } = await readiness()
    const tooNew = errors.find((error) => error instanceof StoreTooNew)
    const instance = ports.instance.state()
    if (instance.kind === 'apart') reasons.push(`instance: ${apartSentences[instance.reason]}`)
    const isReady = reasons.length === 0 && !stopping.isStopping
    res.status(isReady ? 200 : 503).json({
      ready: isReady,
      ...passed,
      instance: instance.kind,
      ...(instance.kind === 'apart'
        ? { reason: instance.reason, message: apartSentences[instance.reason] }
        : {}),
      ...(tooNew === undefined ? {} : { reason: 'store-too-new', message: tooNew.message }),
      stopping: stopping.isStopping,
      reasons,
    })
  })

  async function checkStore(): Promise<void> {
    await ports.store.check()
    // A newer program may have been started on the same store meanwhile.
    await checkSchema(ports.store)
  }

  return router
}

/** What operators may ask at any time. */
const alwaysAnswered = new Set(['/healthz', '/readyz'])

/** Refuses everything while the store and the bucket do not belong together: what seems absent may be elsewhere. */
export function refuseWhileApart({ ports }: WebContext): RequestHandler {
  return (req, _res, next) => {
    if (ports.instance.state().kind !== 'apart' || alwaysAnswered.has(req.path)) return next()
    next(
      new Refused(
        'out-of-order',
        'This service is out of order until whoever runs it has looked at it. Nothing is deleted meanwhile.',
        { retryAfterSeconds: 60 },
      ),
    )
  }
}
