import type { AgreedTime } from '../src/domain/records/instance/agreed-time.ts'
import type { MediaTools, Place } from '../src/media/types.ts'
import type { Ports } from '../src/ports.ts'

/** What every job is given. */
export interface WorkerContext {
  readonly ports: Ports
  /** The key of snapshots. */
  readonly backupKey: () => Promise<Buffer>
  /** The time that deletions go by. */
  readonly time: AgreedTime
  readonly media: MediaTools
  /** Tools of their own for what takes long: nobody waits for them. */
  readonly slowMedia: MediaTools
  /**
   * Milliseconds that tools may take to prepare a small file before it is left to the slow jobs; large ones have more.
   */
  readonly quickMs: number
  /** The place at WGS 84 degrees; null at sea. */
  readonly findPlace: (latitude: number, longitude: number) => Place | null
  /** Whether the ZIPs of whole albums are made ahead. */
  readonly makesBundles: boolean
  /** Where jobs keep files while they run; on the bucket's disk where that is a folder, so that files move instead of being copied. */
  readonly workDirectory: string
}
