import { isIP } from 'node:net'

/**
 * Whether what these addresses name probably runs by this machine's clock: a socket, a loopback address, or a name without
 * a dot, such as containers have among each other. Several are separated by commas; one of another machine is enough.
 */
export function isOwnMachine(addresses: string): boolean {
  return addresses.split(',').every((address) => {
    const text = address.trim()
    if (text.startsWith('/') || /^(?:redis\+)?unix:/.test(text)) return true
    const host = new URL(text.includes('://') ? text : `redis://${text}`).hostname.replace(/^\[|\]$/g, '')
    if (host === '::1' || host === '') return true
    if (isIP(host) === 4) return host.startsWith('127.')
    return isIP(host) === 0 && !host.includes('.')
  })
}
