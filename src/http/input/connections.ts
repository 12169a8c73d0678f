import { readFileSync } from 'node:fs'
import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { countedAddress } from './caller-address.ts'

/** More than this costs memory that no service of this kind needs. */
const mostOfAll = 8192
/** Where the system does not tell. */
const usualOpenFiles = 4096

/** How many files and sockets this process may have open. Node has raised the soft limit to the hard one at its start. */
export function openFilesLimit(): number {
  try {
    const found = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1]
    const limit = Number(found)
    return Number.isInteger(limit) && limit > 0 ? limit : usualOpenFiles
  } catch {
    return usualOpenFiles
  }
}

export interface ConnectionBounds {
  /** Connections at once. */
  readonly most: number
  /** Of these, from one address (IPv6: one /64). Infinity where all come from a proxy that is trusted. */
  readonly mostOfOneAddress: number
}

/** Half of what may be open is for connections: each may need a file of the bucket too, and the rest needs some. */
export function connectionBounds({ isBehindProxy }: { isBehindProxy: boolean }): ConnectionBounds {
  const most = Math.min(mostOfAll, Math.floor(openFilesLimit() / 2))
  return { most, mostOfOneAddress: isBehindProxy ? Infinity : Math.ceil(most / 4) }
}

/**
 * Closes connections beyond `bounds` as they come. Where all are taken, those that wait for nothing are closed for the
 * next ones: whoever used them connects again. `refused` is called for each connection that was closed as it came.
 */
export function boundConnections(
  server: Server,
  { most, mostOfOneAddress }: ConnectionBounds,
  refused: () => void,
): void {
  const open = new Map<string, number>()
  server.maxConnections = most
  server.on('drop', () => {
    server.closeIdleConnections()
    refused()
  })
  server.on('connection', (socket: Socket) => {
    const address = countedAddress(socket.remoteAddress ?? '') ?? ''
    const before = open.get(address) ?? 0
    if (before >= mostOfOneAddress) {
      socket.destroy()
      return refused()
    }
    open.set(address, before + 1)
    socket.once('close', () => {
      const left = (open.get(address) ?? 1) - 1
      if (left > 0) open.set(address, left)
      else open.delete(address)
    })
  })
}
