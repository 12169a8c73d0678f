export interface SentItem {
  readonly id: string
  readonly state: string
}

export interface Sending {
  /** Bytes sent so far. */
  onProgress(bytes: number): void
  readonly signal: AbortSignal
}

/** Sends one file into an album. Throws ApiError (`network` when the connection breaks), or AbortError. */
export type SendFile = (album: string, file: File, sending: Sending) => Promise<SentItem>
