import type { ByteSource } from '../bytes/byte-source.ts'
import type { Finding } from '../../types.ts'

/** Stream types (ISO/IEC 13818-1 table 2-34, ATSC, Blu-ray) that are film, sound or subtitles; all others may be anything. */
const filmTypes: ReadonlySet<number> = new Set([
  0x01, 0x02, 0x10, 0x1b, 0x20, 0x21, 0x24, 0x33, 0x42, 0xd1, 0xea,
  0x03, 0x04, 0x0f, 0x11, 0x1c, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0xa1, 0xa2,
  0x90,
]) // prettier-ignore
/** Tables of the stream itself, and padding. */
const lastReserved = 0x1f
const nullPacket = 0x1fff
const batchBytes = 192 * 4096

/**
 * Finds streams of an MPEG-TS that are neither film nor sound nor subtitles: by the program's table, and by every
 * packet's number (PID), for private data need not stand in the table. `packet`: 188 bytes, or 192 with a time code.
 */
export async function findPrivateStreams(source: ByteSource, packet: 188 | 192): Promise<Finding[]> {
  const known = new Set<number>()
  const tables = new Set<number>()
  const seen = new Map<number, number>()
  const buffer = Buffer.alloc((batchBytes / 192) * packet)
  const header = packet - 188
  for (let offset = 0; offset < source.size; offset += buffer.length) {
    const length = await source.readInto(buffer, offset)
    for (let at = 0; at + packet <= length; at += packet) {
      const start = at + header
      // A packet out of step: what follows is not looked into, and so not kept.
      if (buffer[start] !== 0x47) return [finding('packet', offset + at)]
      const pid = buffer.readUInt16BE(start + 1) & 0x1fff
      const isFirst = !seen.has(pid)
      if (isFirst) seen.set(pid, offset + at)
      if (pid === 0 || tables.has(pid)) readTable(buffer.subarray(start, start + 188), pid)
    }
    if (length < buffer.length) break
  }
  return [...seen]
    .filter(([pid]) => pid > lastReserved && pid !== nullPacket && !known.has(pid) && !tables.has(pid))
    .map(([pid, offset]) => finding(`stream ${pid}`, offset))

  /** The table of programs (§2.4.4.3) and a program's map (§2.4.4.8), as far as they stand in their first packet. */
  function readTable(bytes: Buffer, pid: number): void {
    const startsSection = ((bytes[1] ?? 0) & 0x40) !== 0
    const adaptation = (bytes[3] ?? 0) & 0x20 ? 1 + (bytes[4] ?? 0) : 0
    const section = 4 + adaptation + 1 + (bytes[4 + adaptation] ?? 0)
    if (!startsSection || section + 12 > bytes.length) return
    const end = Math.min(bytes.length, section + 3 + (bytes.readUInt16BE(section + 1) & 0x0fff) - 4)
    if (pid === 0) {
      for (let at = section + 8; at + 4 <= end; at += 4) {
        if (bytes.readUInt16BE(at) > 0) tables.add(bytes.readUInt16BE(at + 2) & 0x1fff)
      }
      return
    }
    if (bytes[section] !== 0x02) return
    known.add(bytes.readUInt16BE(section + 8) & 0x1fff)
    let at = section + 12 + (bytes.readUInt16BE(section + 10) & 0x0fff)
    while (at + 5 <= end) {
      if (filmTypes.has(bytes[at] ?? 0)) known.add(bytes.readUInt16BE(at + 1) & 0x1fff)
      at += 5 + (bytes.readUInt16BE(at + 3) & 0x0fff)
    }
  }
}

const finding = (where: string, offset: number): Finding => ({
  kind: 'location',
  where: `${where} at ${offset}`,
  value: 'private data',
})
