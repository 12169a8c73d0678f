import type { Events } from '../../ports.ts'
import { boundedRedis } from './redis-connection.ts'

type Listener = (message: string) => void

interface Channel {
  readonly listeners: Set<Listener>
  /** Settles when Redis has confirmed the subscription. */
  readonly confirmed: Promise<unknown>
}

/** How often the subscriber asks whether its connection still lives: nobody tells it of a host that vanished. */
const heartbeatMs = 10_000

/** Events by Redis' publish and subscribe. One connection listens for the whole process, however many subscribe. */
export function redisEvents({ url, prefix = 'mayfly:' }: { url: string; prefix?: string }): Events {
  const publisher = boundedRedis(url)
  const subscriber = boundedRedis(url)
  const channels = new Map<string, Channel>()

  const unsubscribe = (name: string) =>
    // Redis is away: it may still be subscribed to on its return, and the first message ends that.
    subscriber.run((client) => client.unsubscribe(name)).catch(() => undefined)

  subscriber.client.on('message', (name: string, message: string) => {
    const channel = channels.get(name)
    if (channel === undefined) void unsubscribe(name)
    for (const listener of channel?.listeners ?? []) listener(message)
  })

  // ioredis would do this once, let a try without an answer go unheard, and then have forgotten the channels.
  const subscribeToAll = (): void => {
    subscriber
      .run((client) => client.subscribe(`${prefix}heartbeat`, ...channels.keys()))
      .catch(() => undefined)
  }
  // A connection that gives no answer is ended by its own timeout, then made again.
  subscriber.client.on('ready', subscribeToAll)
  const heartbeat = setInterval(subscribeToAll, heartbeatMs)
  heartbeat.unref()

  async function leave(name: string, listener: Listener): Promise<void> {
    const channel = channels.get(name)
    if (channel === undefined || !channel.listeners.delete(listener) || channel.listeners.size > 0) return
    channels.delete(name)
    await unsubscribe(name)
  }

  return {
    async publish(channel, message) {
      await publisher.run((client) => client.publish(prefix + channel, message))
    },

    async subscribe(channelName, listen) {
      const name = prefix + channelName
      // A listener of its own for each subscription: the same function may subscribe twice.
      const listener: Listener = (message) => listen(message)
      const channel = channels.get(name) ?? {
        listeners: new Set<Listener>(),
        confirmed: subscriber.run((client) => client.subscribe(name)),
      }
      channels.set(name, channel)
      channel.listeners.add(listener)
      try {
        await channel.confirmed
      } catch (error) {
        await leave(name, listener)
        throw error
      }
      return () => leave(name, listener)
    },

    async close() {
      clearInterval(heartbeat)
      channels.clear()
      await Promise.all([publisher.close(), subscriber.close()])
    },
  }
}
