import type { Ports } from '../../../ports.ts'
import { Refused } from '../errors.ts'

type RoomPorts = Pick<Ports, 'disk' | 'limits'>

export const instanceIsFull = () =>
  new Refused('instance-full', 'This server has no room left. Try again later, or with fewer files.')

/**
 * Throws Refused('instance-full') unless `bytes` more leave the disk as much room as the operator wants to be kept free:
 * for what is prepared of the files that are there, and for stops.
 */
export async function expectFree({ disk, limits }: RoomPorts, bytes: number): Promise<void> {
  if (disk && (await disk.freeBytes()) - bytes < (limits.minFreeBytes ?? 0)) throw instanceIsFull()
}

/**
 * Whether files may be made of what is there already. They may take half of the room that uploads leave: the rest is
 * for records, above all for stops.
 */
export async function hasRoomToPrepare({ disk, limits }: RoomPorts): Promise<boolean> {
  return !disk || (await disk.freeBytes()) >= (limits.minFreeBytes ?? 0) / 2
}
