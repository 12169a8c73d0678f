import type { Item } from '../records/records.ts'

/** Whether something of an item moves, so that it may need a rendition that browsers play. */
export const isMoving = (item: Item): boolean =>
  item.type.kind === 'video' || item.motion !== null || item.facts?.embeddedMotion === true

/** Whether something of a photo moves and does not play yet. */
export const awaitsMotion = (item: Item): boolean =>
  item.type.kind === 'photo' && isMoving(item) && !item.renditions.motion
