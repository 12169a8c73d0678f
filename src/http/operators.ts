import { Router, type RequestHandler } from 'express'
import { Refused } from '../domain/errors.ts'
import { apartSentences } from '../domain/instance.ts'
import { checkSchema, StoreTooNew } from '../domain/schema.ts'
import type { WebContext } from './context.ts'

/** A dependency that has not answered after this long is not there, in milliseconds. */
const patience = 2000

/** For operators: alive, ready. Neither tells anything about shares. */
export function operators({ ports, stopping }: WebContext): Router {
  const router = Router()

  router.get('/healthz', (_req, res) => void res.type('text/plain').send('alive\n'))

  router.get('/readyz', async (_req, res) => {
    const checks = await Promise.allSettled([inTime(checkStore()), inTime(ports.bucket.check())])
    const [store, bucket] = checks.map(({ status }) => status === 'fulfilled')
    const tooNew = checks
      .flatMap((check): unknown[] => (check.status === 'rejected' ? [check.reason] : []))
      .find((error) => error instanceof StoreTooNew)
    const instance = ports.instance.state()
    const isApart = instance.kind === 'apart'
    const isReady = store === true && bucket === true && !isApart && !stopping.isStopping
    res.status(isReady ? 200 : 503).json({
      ready: isReady,
      store,
      bucket,
      instance: instance.kind,
      ...(isApart ? { reason: instance.reason, message: apartSentences[instance.reason] } : {}),
      ...(tooNew instanceof StoreTooNew ? { reason: 'store-too-new', message: tooNew.message } : {}),
      stopping: stopping.isStopping,
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
const alwaysAnswered = new Set(['/healthz', '/readyz', '/metrics'])

/** Serves nothing while the store and the bucket are not of one instance: what is absent then may be there elsewhere. */
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

async function inTime(check: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in time')), patience)
  })
  try {
    await Promise.race([check, late])
  } finally {
    clearTimeout(timer)
  }
}
