/** One part of a form: a file has a name of its own. */
export interface FormPart {
  readonly name: string
  /** As the client sent it: not safe for anything yet. Null for a plain field. */
  readonly filename: string | null
  /** Its bytes. Bytes that were not read are skipped when the next part is requested. */
  readonly body: AsyncIterable<Buffer>
}

/** The form is not what RFC 7578 asks for, or it is cut off. */
export class MalformedForm extends Error {
  override readonly name = 'MalformedForm'
}

/** Bytes of one part's headers; a path of 4 KiB has room in it. */
const mostHeaderBytes = 16 * 1024
const lineEnd = Buffer.from('\r\n')
const emptyLine = Buffer.from('\r\n\r\n')
const carriageReturn = 0x0d

/** The boundary that a Content-Type names (RFC 2046, 5.1.1: 1 to 70 characters); null where it is no form, or names none. */
export function boundaryOf(contentType: string | undefined): string | null {
  if (!/^multipart\/form-data\s*;/i.test(contentType ?? '')) return null
  const found = /;\s*boundary=(?:"([^"]+)"|([^\s;",]+))\s*(?:;|$)/i.exec(contentType ?? '')
  const boundary = found?.[1] ?? found?.[2] ?? null
  return boundary !== null && boundary.length <= 70 ? boundary : null
}

/**
 * The parts of a multipart/form-data body (RFC 7578; delimiters by RFC 2046, 5.1.1), as they come in: nothing is gathered but
 * headers. Pieces of files are parts of what `pieces` gave, without a copy. Throws MalformedForm, and what `pieces` throws.
 */
export async function* formParts(
  pieces: AsyncIterator<Buffer, unknown>,
  boundary: string,
): AsyncGenerator<FormPart> {
  const reader = new FormReader(pieces, boundary)
  await reader.passBody()
  while (await reader.beginPart()) {
    const headers = await reader.headers()
    yield { ...dispositionOf(headers), body: reader.body() }
    await reader.passBody()
  }
  await reader.passRest()
}

class FormReader {
  /** A first delimiter may do without the line end before it. */
  private rest: Buffer = lineEnd
  private isInBody = true
  private readonly delimiter: Buffer

  constructor(
    private readonly pieces: AsyncIterator<Buffer, unknown>,
    boundary: string,
  ) {
    this.delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1')
  }

  async *body(): AsyncGenerator<Buffer> {
    for (let piece = await this.nextOfBody(); piece !== null; piece = await this.nextOfBody()) yield piece
  }

  /** Skips the rest of a body; before the first part, the preamble. */
  async passBody(): Promise<void> {
    while ((await this.nextOfBody()) !== null);
  }

  /** Reads what follows a delimiter: whether it begins a part, or was the last. */
  async beginPart(): Promise<boolean> {
    while (this.rest.length < 2) await this.more()
    if (this.rest.toString('latin1', 0, 2) === '--') return false
    const line = await this.until(lineEnd, 256)
    if (/[^ \t]/.test(line)) throw new MalformedForm('Something follows the boundary on its line')
    return true
  }

  /** The headers of a part, in UTF-8 as all clients send them. Its body follows. */
  async headers(): Promise<string> {
    const headers = await this.until(emptyLine, mostHeaderBytes)
    this.isInBody = true
    return headers
  }

  /** Whatever follows the last delimiter means nothing. */
  async passRest(): Promise<void> {
    while (!(await this.pieces.next()).done);
  }

  private async nextOfBody(): Promise<Buffer | null> {
    while (this.isInBody) {
      const { rest } = this
      const at = rest.indexOf(this.delimiter)
      const end = at < 0 ? this.possibleDelimiter() : at
      if (at >= 0) this.isInBody = false
      this.rest = rest.subarray(at < 0 ? end : at + this.delimiter.length)
      if (end > 0) return rest.subarray(0, end)
      if (at < 0) await this.more()
    }
    return null
  }

  /** Where what has come may end in the beginning of a delimiter. */
  private possibleDelimiter(): number {
    const { rest, delimiter } = this
    let at = rest.indexOf(carriageReturn, Math.max(0, rest.length - delimiter.length + 1))
    while (at >= 0 && delimiter.compare(rest, at, rest.length, 0, rest.length - at) !== 0)
      at = rest.indexOf(carriageReturn, at + 1)
    return at < 0 ? rest.length : at
  }

  private async until(end: Buffer, mostBytes: number): Promise<string> {
    for (;;) {
      const at = this.rest.indexOf(end)
      if (at < 0 ? this.rest.length > mostBytes : at > mostBytes)
        throw new MalformedForm('The head of a part is too long')
      if (at >= 0) {
        const found = this.rest.toString('utf8', 0, at)
        this.rest = this.rest.subarray(at + end.length)
        return found
      }
      await this.more()
    }
  }

  private async more(): Promise<void> {
    const next = await this.pieces.next()
    if (next.done) throw new MalformedForm('The form is cut off')
    this.rest = this.rest.length === 0 ? next.value : Buffer.concat([this.rest, next.value])
  }
}

/** `name` and `filename` of a part's Content-Disposition (RFC 7578, 4.2; `filename*` by RFC 5987, which some clients send). */
function dispositionOf(headers: string): Pick<FormPart, 'name' | 'filename'> {
  // Not by `^` and `$`: names may hold what JavaScript takes for line ends.
  const lines = headers
    .split('\r\n')
    .map((line) => /^content-disposition:[ \t]*form-data[ \t]*(;.*)/is.exec(line))
  const line = lines.find((found) => found !== null)?.[1] ?? ''
  const found = new Map<string, string>()
  // Only quotes and backslashes are escaped in quotes: other clients send the paths of Windows as they are. A backslash
  // is read in one way only, or sixty of them in a row would take for ever.
  for (const [, name = '', quoted, plain] of line.matchAll(
    /;[ \t]*([\w*-]+)=(?:"((?:[^"\\]|\\["\\]|\\(?!["\\]))*)"|([^\s;"]*))/g,
  ))
    found.set(name.toLowerCase(), quoted?.replace(/\\(["\\])/g, '$1') ?? plain ?? '')
  const name = found.get('name')
  if (name === undefined) throw new MalformedForm('A part has no name')
  return { name, filename: extended(found.get('filename*')) ?? found.get('filename') ?? null }
}

function extended(value: string | undefined): string | null {
  const text = /^utf-8'[^']*'(.*)$/i.exec(value ?? '')?.[1]
  if (text === undefined) return null
  try {
    return decodeURIComponent(text)
  } catch {
    // Not what it says it is: the plain name counts.
    return null
  }
}
