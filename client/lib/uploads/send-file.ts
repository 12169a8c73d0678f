export interface SentItem {
  readonly id: string
  readonly state: string
}

export interface Sending {
  /** Bytes sent so far. */
  onProgress(bytes: number): void
  /** It waits by itself for trouble to pass: a code, or null once it goes on. */
  onHold(code: string | null): void
  readonly signal: AbortSignal
}

/** Sends one file into an album. Trouble that passes it waits out. Throws ApiError, or AbortError. */
export type SendFile = (album: string, file: File, sending: Sending) => Promise<SentItem>
