import { ApiError } from '../api.ts'
import type { SendFile } from './send-file.ts'

const atOnce = 3

export type UploadState = 'chosen' | 'sending' | 'waiting' | 'sent' | 'preparing' | 'ready' | 'failed'

/** One file on its way, as the list shows it. */
export interface Upload {
  readonly file: File
  state: UploadState
  /** Bytes sent so far. */
  sent: number
  /** The item that it became. */
  item: string | null
  /** Why it failed: a code, or a sentence for people. */
  problem: string | null
  /** What it waits out while it is being sent: a code. */
  hold: string | null
  abort: AbortController
}

/** Sends files, three at once, and tells `changed` whenever one of them is somewhere else. */
export class UploadQueue {
  readonly uploads: Upload[] = []
  private running = 0
  private album: string | null = null
  isPaused = false

  constructor(
    private readonly sendFile: SendFile,
    private readonly changed: (upload: Upload) => void,
  ) {}

  add(file: File): Upload {
    const upload: Upload = {
      file,
      state: this.album === null ? 'chosen' : 'waiting',
      sent: 0,
      item: null,
      problem: null,
      hold: null,
      abort: new AbortController(),
    }
    this.uploads.push(upload)
    this.pump()
    return upload
  }

  remove(upload: Upload): void {
    upload.abort.abort('remove')
    const index = this.uploads.indexOf(upload)
    if (index >= 0) this.uploads.splice(index, 1)
    this.pump()
  }

  /** Begins to send, into `album`. */
  start(album: string): void {
    this.album = album
    for (const upload of this.uploads) if (upload.state === 'chosen') this.set(upload, { state: 'waiting' })
    this.pump()
  }

  /** Tries again now, what failed and what waits to try by itself. */
  retry(upload: Upload): void {
    upload.abort.abort('retry')
    upload.abort = new AbortController()
    this.set(upload, { state: 'waiting', problem: null, hold: null })
    this.pump()
  }

  /** Pausing breaks off what is under way; it goes on from there. */
  pause(isPaused: boolean): void {
    this.isPaused = isPaused
    for (const upload of this.uploads)
      if (isPaused && upload.state === 'sending') {
        upload.abort.abort('pause')
        upload.abort = new AbortController()
        this.set(upload, { state: 'waiting', hold: null })
      }
    this.pump()
  }

  get isSending(): boolean {
    return this.uploads.some(({ state }) => state === 'sending' || state === 'waiting')
  }

  private set(upload: Upload, change: Partial<Upload>): void {
    Object.assign(upload, change)
    this.changed(upload)
  }

  private pump(): void {
    if (this.album === null || this.isPaused) return
    for (const upload of this.uploads) {
      if (this.running >= atOnce) return
      if (upload.state === 'waiting') void this.run(upload, this.album)
    }
  }

  private async run(upload: Upload, album: string): Promise<void> {
    this.running += 1
    const { signal } = upload.abort
    this.set(upload, { state: 'sending' })
    try {
      const { id } = await this.sendFile(album, upload.file, {
        onProgress: (sent) => this.set(upload, { sent }),
        onHold: (hold) => {
          if (!signal.aborted && hold !== upload.hold) this.set(upload, { hold })
        },
        signal,
      })
      // The news that it is ready may have been quicker than the answer.
      if (upload.state === 'sending')
        this.set(upload, { state: 'preparing', sent: upload.file.size, item: id, hold: null })
    } catch (error) {
      if (!signal.aborted) {
        const problem = error instanceof ApiError ? error.code : 'internal'
        this.set(upload, { state: 'failed', problem, hold: null })
      }
    }
    this.running -= 1
    this.pump()
  }
}
