import type { Cluster } from 'ioredis'

/** So long after its subscriber's connection ended a cluster is subscribed to again, in milliseconds. */
const pauseMs = 500

/** What of ioredis' ClusterSubscriber is used here. */
interface Subscriber {
  onSubscriberEnd: () => void
  getInstance(): { readonly status: string } | null
}

/**
 * Lets the cluster's subscriber, and that of each duplicate (BullMQ's workers), wait before it connects again. ioredis
 * chooses the next node at once, without end while all nodes are away: that keeps a processor busy and fills the memory.
 * It has no setting for this, so the handler is replaced; test/adapters/cluster-away.test.ts measures that it holds.
 */
export function paceSubscriber(cluster: Cluster): Cluster {
  const subscriber = Reflect.get(cluster, 'subscriber') as Subscriber
  const connectAgain = subscriber.onSubscriberEnd
  subscriber.onSubscriberEnd = () => {
    const timer = setTimeout(() => {
      // It may have chosen another node meanwhile, or be stopped.
      if (subscriber.getInstance()?.status === 'end') connectAgain()
    }, pauseMs)
    timer.unref()
  }
  const duplicate = cluster.duplicate.bind(cluster)
  cluster.duplicate = (...args: Parameters<typeof duplicate>) => paceSubscriber(duplicate(...args))
  return cluster
}
