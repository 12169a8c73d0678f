/** A box of ISO-BMFF (ISO/IEC 14496-12 §4.2) inside a buffer: `start` to `end`, content from `body`. */
export interface Box {
  readonly type: string
  readonly start: number
  readonly body: number
  readonly end: number
}

const maxBoxes = 100_000

/** The boxes that follow each other in `bytes[from, to)`. Stops at what is no box. */
export function* boxesIn(bytes: Buffer, from: number, to: number): Generator<Box> {
  let start = from
  for (let count = 0; start + 8 <= to && count < maxBoxes; count++) {
    let size = bytes.readUInt32BE(start)
    let header = 8
    if (size === 1 && start + 16 <= to) {
      size = Number(bytes.readBigUInt64BE(start + 8))
      header = 16
    } else if (size === 0) size = to - start
    if (size < header) return
    const end = Math.min(to, start + size)
    yield { type: typeAt(bytes, start + 4), start, body: start + header, end }
    start += size
  }
}

export function typeAt(bytes: Buffer, offset: number): string {
  return bytes.toString('latin1', offset, offset + 4)
}

export function childOf(bytes: Buffer, box: Box, type: string): Box | null {
  for (const child of boxesIn(bytes, box.body, box.end)) if (child.type === type) return child
  return null
}

/** Descends by the path of types; null where one is missing. */
export function descendantOf(bytes: Buffer, box: Box, path: readonly string[]): Box | null {
  let current: Box | null = box
  for (const type of path) {
    if (!current) return null
    current = childOf(bytes, current, type)
  }
  return current
}

/** Where the children of a `meta` box begin: it is a full box in ISO files and a plain one in QuickTime's. */
export function metaBody(bytes: Buffer, box: Box): number {
  const plain =
    box.body + 8 <= box.end && /^(hdlr|keys|ilst|free|iinf|pitm)$/.test(typeAt(bytes, box.body + 4))
  return plain ? box.body : box.body + 4
}
