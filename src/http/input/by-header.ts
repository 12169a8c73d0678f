import type { IncomingMessage } from 'node:http'
import { Recent } from '../../domain/records/store/recent.ts'

/** Characters of header texts that each function remembers. */
const mostCharacters = 64 * 1024

/**
 * What `read` makes of one header of a request, remembered by the header's text, for browsers send the same few over and
 * over. `read` may look at nothing else of the request.
 */
export function byHeader<R extends IncomingMessage, T>(
  name: 'accept' | 'accept-encoding' | 'accept-language',
  read: (req: R) => T,
): (req: R) => T {
  const known = new Recent<{ readonly made: T }>(mostCharacters)
  return (req) => {
    const text = req.headers[name]
    if (text === undefined) return read(req)
    const found = known.get(text)
    if (found) return found.made
    const made = read(req)
    known.set(text, { made }, text.length + 1)
    return made
  }
}
