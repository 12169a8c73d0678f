import { objects } from '../src/domain/records/keys.ts'
import type { Album } from '../src/domain/records/records.ts'
import type { Bucket } from '../src/ports.ts'

const madeObject = /\/(bundle|card)-(?:[a-z-]+-)?(\d+)\.(?:zip|jpg)$/

/**
 * Deletes an album's bundles or cards of versions before the one that `album` has. Newer ones stay: another
 * worker may be making them. A reader of a deleted one is cut off, and finds the new one on the next request.
 */
export async function removeOutdated(bucket: Bucket, album: Album, kind: 'bundle' | 'card'): Promise<void> {
  for await (const { key } of bucket.list(`${objects.ofAlbum(album.id)}/`)) {
    const [, found, version] = madeObject.exec(key) ?? []
    if (found === kind && Number(version) < album.version) await bucket.removeAll(key)
  }
}
