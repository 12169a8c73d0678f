import { createHash } from 'node:crypto'
import { Cluster, Redis } from 'ioredis'
import { StoreRefusesUs, StoreUnavailable } from '../../ports.ts'
import { inTime } from '../../in-time.ts'
import { paceSubscriber } from './paced-cluster.ts'

export type RedisClient = Redis | Cluster

/** `bounded`: a command answers or fails in time. `patient`: commands wait for Redis as long as it takes (BullMQ's workers). */
export type RedisManner = 'bounded' | 'patient'

/** What one operation may take in all, reconnecting included: below the 2 seconds that the ports promise. */
const operationMs = 1_900
const commandMs = 1_500
/** So long after Redis went away an operation still waits for it; later ones fail at once. */
const patienceMs = 1_500

const retryStrategy = (times: number): number => Math.min(50 * 2 ** Math.min(times, 10), 500)

const commonOptions = {
  // RESP2: the same answers from Redis, Valkey, clusters and their proxies.
  protocol: 2,
  connectTimeout: 1_500,
  keepAlive: 5_000,
  // How long it waits before it asks a Redis again that is loading its data.
  maxLoadingRetryTime: 500,
  // After a failover the old primary answers READONLY: the address now means another server.
  reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
} as const

const boundedOptions = {
  ...commonOptions,
  commandTimeout: commandMs,
  // Ends a connection that has stopped answering; without it a lost host is noticed after minutes.
  socketTimeout: commandMs + 100,
  // A command that was refused must not happen later after all, nor an `increase` twice.
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  // Nobody would hear of a subscription that gets no answer: `redisEvents` subscribes again itself.
  autoResubscribe: false,
} as const

const patientOptions = { ...commonOptions, enableOfflineQueue: true, maxRetriesPerRequest: null } as const

/**
 * Connects to what `REDIS_URL` names: `redis://` or `rediss://`, several of those with commas between them (the
 * seeds of a Redis Cluster), or a Unix socket as `redis+unix:///path`, `unix:///path` or a plain absolute path.
 * Throws a `TypeError` for anything else. The client connects by itself and again whenever it is cut off.
 */
export function connectRedis(url: string, manner: RedisManner): RedisClient {
  const client = open(url, manner === 'bounded' ? boundedOptions : patientOptions)
  // Without a listener ioredis prints to the console. Failures reach whoever asked, as StoreUnavailable.
  client.on('error', () => undefined)
  return client
}

function open(url: string, options: typeof boundedOptions | typeof patientOptions): RedisClient {
  if (url.includes(',')) return openCluster(url, options)
  const path = url.startsWith('/') ? url : /^(?:redis\+)?unix:\/\/(\/.+)$/.exec(url)?.[1]
  if (path !== undefined) {
    return new Redis({ ...options, retryStrategy, path: url === path ? path : decodeURIComponent(path) })
  }
  if (/^rediss?:\/\//.test(url)) return new Redis(url, { ...options, retryStrategy })
  throw new TypeError('REDIS_URL is neither redis://, rediss://, redis+unix:// nor a path')
}

function openCluster(urls: string, options: typeof boundedOptions | typeof patientOptions): Cluster {
  const seeds = urls.split(',').map((seed) => seedOf(seed.trim()))
  const { enableOfflineQueue, ...nodes } = options
  const { username, password, tls } = seeds[0] ?? {}
  const cluster = new Cluster(
    seeds.map(({ host, port }) => ({ host, port })),
    {
      clusterRetryStrategy: retryStrategy,
      // A node that a client with an offline queue has lost ends, and what waited for it goes elsewhere. One that tries
      // again by itself is lost to ioredis 6 when it is told to disconnect between two tries: it never ends, and neither
      // does its cluster. BullMQ does that to each worker's cluster that gave no answer, and then waits for ever.
      clusterNodeRetryStrategy: enableOfflineQueue ? null : retryStrategy,
      slotsRefreshInterval: 2_000,
      enableOfflineQueue,
      // A bounded commit whose answer was lost must not be sent again.
      retryDelayOnFailover: enableOfflineQueue ? 100 : 0,
      redisOptions: {
        ...nodes,
        ...(username === undefined ? {} : { username }),
        ...(password === undefined ? {} : { password }),
        ...(tls ? { tls: {} } : {}),
      },
    },
  )
  return paceSubscriber(cluster)
}

function seedOf(seed: string) {
  const url = new URL(/^rediss?:\/\//.test(seed) ? seed : `redis://${seed}`)
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? 6379 : Number(url.port),
    tls: url.protocol === 'rediss:',
    username: url.username === '' ? undefined : decodeURIComponent(url.username),
    password: url.password === '' ? undefined : decodeURIComponent(url.password),
  }
}

export interface BoundedRedis {
  readonly client: RedisClient
  /** Runs `work` on a connected client. Throws `StoreUnavailable` within 2 seconds when Redis gives no answer. */
  run<Result>(work: (client: RedisClient) => Promise<Result>): Promise<Result>
  close(): Promise<void>
}

/** A client whose operations end within 2 seconds, whatever Redis does. */
export function boundedRedis(url: string): BoundedRedis {
  const client = connectRedis(url, 'bounded')
  let awaySince: number | null = Date.now()
  let lastError: unknown
  client.on('ready', () => {
    awaySince = null
  })
  // Comes with each attempt to connect that fails, too: the first one counts.
  client.on('close', () => {
    awaySince ??= Date.now()
  })
  client.on('error', (error: unknown) => {
    lastError = error
  })

  async function ready(): Promise<void> {
    if (client.status === 'ready') return
    const waitMs = (awaySince ?? Date.now()) + patienceMs - Date.now()
    if (waitMs <= 0 || client.status === 'end') {
      throw notConnected(lastError)
    }
    await new Promise<void>((resolve, reject) => {
      const settle = (outcome: () => void) => () => {
        clearTimeout(timer)
        client.off('ready', onReady)
        client.off('end', onEnd)
        outcome()
      }
      const refuse = () => reject(notConnected(lastError))
      const onReady = settle(resolve)
      const onEnd = settle(refuse)
      const timer = setTimeout(settle(refuse), waitMs)
      client.setMaxListeners(0)
      client.once('ready', onReady)
      client.once('end', onEnd)
    })
  }

  return {
    client,
    async run(work) {
      try {
        return await within(
          operationMs,
          ready()
            .then(() => nodesReady(client))
            .then(() => work(client)),
        )
      } catch (error) {
        throw unavailable(error)
      }
    },
    async close() {
      await closeRedis(client)
    },
  }
}

function notConnected(lastError: unknown): StoreUnavailable {
  // A cluster tells in this way what its nodes said.
  const told: unknown =
    lastError instanceof Error && 'lastNodeError' in lastError ? lastError.lastNodeError : lastError
  if (told instanceof Error && /^(?:NOAUTH|WRONGPASS)\b/.test(told.message))
    return new StoreRefusesUs('Redis refuses the user or password of REDIS_URL', { cause: told })
  return new StoreUnavailable('Redis is not connected, or still loading its data', { cause: told })
}

/** So long an operation waits for a cluster's node that is being connected to. */
const nodePatienceMs = 1_000

/**
 * ioredis connects to a cluster's node with the first command for it, and refuses others that come before that is
 * done. So all primaries are connected to first. One that is away holds nothing up for longer than its attempt.
 */
async function nodesReady(client: RedisClient): Promise<void> {
  if (!(client instanceof Cluster)) return
  const waiting = client.nodes('master').filter(({ status }) => status !== 'ready')
  if (waiting.length > 0) await Promise.all(waiting.map(nodeReady))
}

async function nodeReady(node: Redis): Promise<void> {
  // What fails here fails again, and is told, when a command is for this node.
  if (node.status === 'wait') await node.connect().catch(() => undefined)
  if (node.status !== 'connecting' && node.status !== 'connect') return
  await new Promise<void>((resolve) => {
    const settle = () => {
      clearTimeout(timer)
      node.off('ready', settle)
      node.off('close', settle)
      resolve()
    }
    const timer = setTimeout(settle, nodePatienceMs)
    node.once('ready', settle)
    node.once('close', settle)
  })
}

/** Rejects with `StoreUnavailable` when `work` has not settled after `ms` milliseconds. */
export const within = <Result>(ms: number, work: Promise<Result>): Promise<Result> =>
  inTime(work, ms, () => new StoreUnavailable(`Redis gave no answer in ${ms} ms`))

/**
 * Everything that Redis or the way to it does is `StoreUnavailable`; a command that was wrong in itself
 * (WRONGTYPE, ERR) is our defect and stays what it is.
 */
export function unavailable(error: unknown): Error {
  if (error instanceof StoreUnavailable || error instanceof RangeError || error instanceof TypeError)
    return error
  if (error instanceof Error && error.name === 'ReplyError' && /^(?:WRONGTYPE|ERR) /.test(error.message)) {
    return error
  }
  return new StoreUnavailable('Redis gave no answer', { cause: error })
}

/** Ends the connection after what was sent is answered, or after a second. */
export async function closeRedis(client: RedisClient): Promise<void> {
  try {
    if (client.status === 'ready') await within(1_000, client.quit())
  } catch {
    // Redis is away: there is nothing left to wait for.
  } finally {
    client.disconnect()
  }
}

/** Runs a Lua script by its hash, sending the script itself only when the server does not know it yet. */
export function redisScript(lua: string) {
  const hash = createHash('sha1').update(lua).digest('hex')
  return async (client: RedisClient, keys: readonly string[], args: readonly string[]): Promise<unknown> => {
    // As one array: a commit of an album has more arguments than a call may spread.
    const rest = [String(keys.length), ...keys, ...args]
    try {
      return await client.call('evalsha', [hash, ...rest])
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
      return await client.call('eval', [lua, ...rest])
    }
  }
}
