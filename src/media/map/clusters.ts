import Supercluster from 'supercluster'
import { boxOf, frameOfPoints, inFrame, viewOf, type Frame, type View } from './frame.ts'
import { project, unproject, type Point } from './mercator.ts'

/** Something to show on a map, in WGS 84 degrees. */
export interface MapPoint {
  readonly id: string
  readonly latitude: number
  readonly longitude: number
}

/** Points that are too near to each other to be shown apart, or a single point. */
export interface Cluster {
  /** Pixels from the left upper corner of the drawing. */
  readonly x: number
  readonly y: number
  readonly count: number
  /** Of the first points, in the order in which they were given. */
  readonly ids: readonly string[]
  /** A view in which it falls apart; null for one point, and where no view is near enough. */
  readonly zoomView: View | null
}

/** Pixels within which points are one cluster: as much as a marker that a finger can hit takes. */
const radius = 48
const extent = 512
/** Pixels from the edge of the drawing that a marker keeps, so that it can be hit. */
const markerRadius = 14
/** Ids told of a cluster. */
const idsTold = 12
/** A nearer view shows at most this part of the one before, or it is none. */
const nearer = 0.8

/** Clusters of what a frame shows, in the order of the drawing: from top to bottom, so that lower ones lie above. */
export function clustersIn(frame: Frame, points: readonly MapPoint[]): Cluster[] {
  const projected = points.map(({ latitude, longitude }) => project(latitude, longitude))
  // Supercluster does not join across its own date line: put that where the points' widest gap is.
  const box = boxOf(projected)
  if (!box) return []
  const turn = (box.left + box.right) / 2 - 0.5
  const zoom = Math.max(0, Math.min(30, Math.floor(Math.log2(frame.scale / extent))))
  const index = new Supercluster<{ index: number }>({
    minZoom: zoom,
    maxZoom: zoom,
    extent,
    radius: (radius * extent * 2 ** zoom) / frame.scale,
  })
  index.load(
    projected.map(({ x, y }, at) => {
      const { latitude, longitude } = unproject({ x: x - turn, y })
      const geometry = { type: 'Point' as const, coordinates: [longitude, latitude] }
      return { type: 'Feature' as const, properties: { index: at }, geometry }
    }),
  )
  const found = index.getClusters([-180, -90, 180, 90], zoom).map((feature): Cluster | null => {
    const [longitude = 0, latitude = 0] = feature.geometry.coordinates
    const { x, y } = project(latitude, longitude)
    const at = inFrame(frame, { x: x + turn, y })
    // A pixel more, for the poles lie on the very edge.
    if (at.x < -1 || at.x > frame.width + 1 || at.y < -1 || at.y > frame.height + 1) return null
    const members =
      'cluster' in feature.properties
        ? index.getLeaves(feature.properties.cluster_id, Infinity).map((leaf) => leaf.properties.index)
        : [feature.properties.index]
    members.sort((a, b) => a - b)
    return {
      x: insideBy(markerRadius, at.x, frame.width),
      y: insideBy(markerRadius, at.y, frame.height),
      count: members.length,
      ids: members.slice(0, idsTold).flatMap((member) => points[member]?.id ?? []),
      zoomView: zoomViewOf(
        frame,
        members.flatMap((member) => projected[member] ?? []),
      ),
    }
  })
  return found.flatMap((cluster) => cluster ?? []).sort((a, b) => a.y - b.y || a.x - b.x)
}

const insideBy = (inset: number, at: number, size: number): number =>
  Math.round(Math.min(Math.max(at, inset), size - inset))

function zoomViewOf(frame: Frame, members: readonly Point[]): View | null {
  if (members.length < 2) return null
  const around = frameOfPoints(members, frame.width, frame.height, 0)
  if (around.scale * nearer <= frame.scale) return null
  const box = boxOf(members)
  const size = box ? Math.max(box.right - box.left, box.bottom - box.top) * around.scale : 0
  return size > radius ? viewOf(around) : null
}
