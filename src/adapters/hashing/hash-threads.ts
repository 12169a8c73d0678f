import { availableParallelism } from 'node:os'
import { Worker, type WorkerOptions } from 'node:worker_threads'
import { BucketUnavailable, type StoredFacts } from '../../ports.ts'
import { HashPair, type HashAnswer, type HashQuestion } from './hash-thread.ts'

/** The hashes of a long row of bytes, taken beside the event loop. */
export interface RunningHash {
  /**
   * Adds `bytes`, which must lie at the beginning of memory of their own. That is taken away until it is answered, as a
   * buffer of the same bytes. May be called again before: the order of the calls counts.
   */
  add(bytes: Buffer): Promise<Buffer>
  /** The hashes of all that was added; nothing may follow. */
  end(): Promise<Omit<StoredFacts, 'size'>>
  /** Nobody will ask for its end. */
  forget(): void
}

export interface Hashing {
  begin(): RunningHash
  close(): Promise<void>
}

/** What is no longer than this as a whole is hashed where it is: handing it over would take as long. */
const smallBytes = 64 * 1024

type Waiting = { resolve: (answer: HashAnswer) => void; reject: (error: Error) => void }

/**
 * Hashing on threads of its own, so that a core hashes while another receives. Memory goes there and back without being
 * copied. The threads start with the first bytes that are worth it.
 */
export function hashThreads(threads = Math.max(1, Math.min(2, availableParallelism() - 1))): Hashing {
  const started: (HashThread | undefined)[] = []
  let hashes = 0

  /** A thread that died, say for want of memory, took its hashes with it; the next ones get a new one. */
  const threadFor = (hash: number): HashThread => {
    const at = hash % threads
    const known = started[at]
    if (known && !known.isGone) return known
    return (started[at] = new HashThread())
  }

  return {
    begin() {
      hashes += 1
      return new ThreadedHash(hashes, threadFor)
    },
    async close() {
      for (const thread of started) await thread?.close()
    },
  }
}

class ThreadedHash implements RunningHash {
  private here: HashPair | null = null
  private thread: HashThread | null = null

  constructor(
    private readonly id: number,
    private readonly threadFor: (hash: number) => HashThread,
  ) {}

  async add(bytes: Buffer): Promise<Buffer> {
    if (!this.thread && (this.here || bytes.length <= smallBytes)) {
      this.here ??= new HashPair()
      this.here.add(bytes)
      return bytes
    }
    this.thread ??= this.threadFor(this.id)
    const { length } = bytes
    const { buffer: memory } = bytes
    if (!(memory instanceof ArrayBuffer) || bytes.byteOffset !== 0)
      throw new TypeError('Only a whole piece of memory can be handed over')
    const back = await this.thread.ask({ hash: this.id, what: 'add', memory, length })
    return Buffer.from(back.memory ?? new ArrayBuffer(0), 0, length)
  }

  async end(): Promise<{ crc32: number; sha256: string }> {
    if (!this.thread) return (this.here ?? new HashPair()).end()
    const { hashes } = await this.thread.ask({ hash: this.id, what: 'end' })
    if (!hashes) throw new Error('A thread gave no hashes')
    return hashes
  }

  forget(): void {
    this.thread?.forget(this.id)
  }
}

class HashThread {
  isGone = false
  private readonly worker: Worker
  private readonly waiting = new Map<number, Waiting>()
  private questions = 0

  constructor() {
    this.worker = startThread({
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4 },
    })
    this.worker.on('message', (answer: HashAnswer) => {
      this.waiting.get(answer.id)?.resolve(answer)
      this.waiting.delete(answer.id)
    })
    // No thread to be had (files, memory), or an end of its own: the bytes are as they were.
    this.worker.on('error', (cause: Error) =>
      this.end(new BucketUnavailable('Bytes cannot be hashed', { cause })),
    )
    this.worker.on('exit', () => this.end(new BucketUnavailable('A thread that hashes has ended')))
    // Nobody waits for a thread that has nothing to do.
    this.worker.unref()
  }

  ask(question: Omit<HashQuestion, 'id'>): Promise<HashAnswer> {
    if (this.isGone) return Promise.reject(new BucketUnavailable('A thread that hashes has ended'))
    return new Promise((resolve, reject) => {
      this.questions += 1
      this.waiting.set(this.questions, { resolve, reject })
      const { memory } = question
      this.worker.postMessage({ id: this.questions, ...question }, memory ? [memory] : [])
    })
  }

  forget(hash: number): void {
    if (!this.isGone) this.worker.postMessage({ id: 0, hash, what: 'forget' } satisfies HashQuestion)
  }

  async close(): Promise<void> {
    await this.worker.terminate()
  }

  private end(error: Error): void {
    this.isGone = true
    for (const { reject } of this.waiting.values()) reject(error)
    this.waiting.clear()
  }
}

/** Runs `hash-thread`; from its source, as in tests, by way of tsx, which a thread must ask for itself. */
function startThread(options: WorkerOptions): Worker {
  if (!import.meta.url.endsWith('.ts')) return new Worker(new URL('hash-thread.js', import.meta.url), options)
  const program = new URL('hash-thread.ts', import.meta.url).href
  const code = `import('tsx/esm/api').then((tsx) => (tsx.register(), import('${program}')))`
  return new Worker(code, { ...options, eval: true })
}
