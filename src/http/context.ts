import type { Ports } from '../ports.ts'

/** What every route is given: the ports, and the settings that the web layer itself needs. */
export interface WebContext {
  readonly ports: Ports
  readonly settings: WebSettings
  /** Set when the process begins to stop: it then says that it is not ready, and ends what it is at. */
  readonly stopping: { isStopping: boolean }
}

export interface WebSettings {
  /** What links are made of; null: the address that the request came to (loopback only). */
  readonly publicUrl: string | null
  readonly delivery: 'proxy' | 'redirect'
  /** Null: anyone who reaches the page may send. */
  readonly senderPassword: string | null
  /** How many proxies in front may be believed about the caller's address. */
  readonly trustProxy: number
  /** Folder of the browser's bundles and their manifest.json. */
  readonly clientDirectory: string
  readonly viewsDirectory: string
}
