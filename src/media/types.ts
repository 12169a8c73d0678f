/** What a recipient's copy of a file keeps of its metadata. */
export const metadataPolicies = ['no-location', 'none', 'everything'] as const
export type MetadataPolicy = (typeof metadataPolicies)[number]

export type MediaKind = 'photo' | 'video'

/** Every format that Mayfly accepts, told by content. */
export const formats = [
  'jpeg', 'heic', 'avif', 'png', 'webp', 'gif', 'tiff', 'jxl',
  'dng', 'cr2', 'cr3', 'nef', 'arw', 'raf', 'rw2', 'orf',
  'mp4', 'mov', 'm4v', '3gp', 'mkv', 'webm', 'avi', 'mts',
] as const // prettier-ignore
export type Format = (typeof formats)[number]

/** What cameras write of the sensor: shown by the preview that is embedded in them. */
export const rawFormats: ReadonlySet<Format> = new Set([
  'dng',
  'cr2',
  'cr3',
  'nef',
  'arw',
  'raf',
  'rw2',
  'orf',
])

/** `mime` is what a recipient's download says; `extension` is without a dot, for names that have none or a false one. */
export interface MediaType {
  readonly format: Format
  readonly kind: MediaKind
  readonly mime: string
  readonly extension: string
}

/** A capture date as the camera wrote it: local wall time, and the zone where the file tells it. */
export interface CaptureDate {
  /** `2026-05-01T18:30:00`, wall time where the camera stood (UTC where `source` is a UTC-only tag; `offset` is `+00:00` then). */
  readonly local: string
  /** `+02:00`, or null where the file does not tell. */
  readonly offset: string | null
  /** The tag that it came from, e.g. `EXIF:DateTimeOriginal`. */
  readonly source: string
}

/** WGS 84 degrees; `direction` in degrees from true or magnetic north; `altitude` in metres. */
export interface Coordinates {
  readonly latitude: number
  readonly longitude: number
  readonly altitude: number | null
  readonly direction: number | null
}

/** Where a point lies, in English names; `code` is ISO 3166-1 alpha-2, from which a page makes the country's name in its own language. */
export interface Place {
  readonly country: { readonly code: string; readonly name: string }
  readonly state: string | null
  readonly city: string | null
  readonly neighbourhood: string | null
}

/** What the first bytes of some formats tell at once, so that a page can be ordered before the worker has read the file. */
export type FirstLook = Pick<Facts, 'capturedAt' | 'width' | 'height'>

/** What is read from a file. Absence is null. */
export interface Facts {
  /** Pixels as shown, after orientation. */
  readonly width: number | null
  readonly height: number | null
  /** Exif orientation 1–8 as written in the file (1 where there is none, for AVIF, and for a HEIC with an `irot` or `imir` of its own). */
  readonly orientation: number
  readonly capturedAt: CaptureDate | null
  readonly camera: string | null
  readonly lens: string | null
  /** `1/250`, seconds as photographers write them. */
  readonly exposureTime: string | null
  readonly aperture: number | null
  readonly iso: number | null
  /** Millimetres. */
  readonly focalLength: number | null
  /** Seconds. */
  readonly duration: number | null
  readonly frameRate: number | null
  readonly codec: string | null
  readonly coordinates: Coordinates | null
  /** Apple's Live Photo pairing identifier. */
  readonly contentIdentifier: string | null
  /** True for animated GIF, WebP, APNG, AVIF. */
  readonly animated: boolean
  /** True where the still carries its motion (Google, Samsung) inside. */
  readonly embeddedMotion: boolean
}

/** One derived file on local disk, to be moved into the bucket by the caller. */
export interface RenderedFile {
  readonly path: string
  readonly mime: string
  readonly width: number
  readonly height: number
}

/** `damaged` is true where the decoder had to look past errors. Base64 thumbhash; `color` is `#rrggbb`. */
export interface Rendered {
  readonly small: RenderedFile
  readonly thumb: RenderedFile
  readonly preview: RenderedFile
  /** Only for videos: the full-size still frame that the player shows first; same file as preview is allowed. */
  readonly thumbhash: string
  readonly color: string
  readonly damaged: boolean
}

/** The outcome of making a copy under a policy: a checked file, or withheld with words for the sender. */
export type Cleaned =
  | { readonly state: 'clean'; readonly path: string; /** What was lost besides, in plain words (“the HDR gain map”). */ readonly lost: readonly string[] }
  | { readonly state: 'withheld'; readonly reason: string; /** There where an error kept it from being cleaned: only the second time that is final. */ readonly fault?: FileFault } // prettier-ignore

/** One piece of location or personal data that a file holds. */
export interface Finding {
  readonly kind: 'location' | 'personal'
  /** Where it stands: `EXIF:GPSLatitude`, `box ©xyz at 1234`, `track 3 (gpmd)`. */
  readonly where: string
  /** A short printable form of the value. */
  readonly value: string
}

/** Why a file could not be prepared; a closed set, each with words for a person in `mediaErrorText`. */
export const mediaErrorReasons = [
  'unsupported',
  'damaged',
  'too-large',
  'too-long',
  'timeout',
  'tool-failed',
] as const
export type MediaErrorReason = (typeof mediaErrorReasons)[number]

/**
 * The reasons that a file itself can be the cause of. Only these can ever be final, and only once they were seen twice;
 * whatever is not in this list is tried again.
 */
export const fileFaults = ['unsupported', 'damaged', 'too-large', 'too-long', 'timeout'] as const
export type FileFault = (typeof fileFaults)[number]

/**
 * What a media function throws when the file seems to be at fault, or a tool was stopped at its bounds. `tool-failed` says
 * that nobody can tell whose fault it was.
 */
export class MediaError extends Error {
  constructor(
    readonly reason: MediaErrorReason,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options)
    this.name = 'MediaError'
  }
}

/** The file's fault that an error tells of; null for anything else, which says nothing against the file. */
export const fileFaultOf = (error: unknown): FileFault | null =>
  error instanceof MediaError ? (fileFaults.find((fault) => fault === error.reason) ?? null) : null

/** Bounds for whatever opens a file that a stranger sent. */
export interface MediaLimits {
  /** Pixels of one decoded frame. */
  readonly maxPixels: number
  /** Seconds of video that are looked at at all. */
  readonly maxVideoSeconds: number
  /** Minutes of video that are converted to a playable rendition. */
  readonly maxPlayableMinutes: number
}

/** How many previews a card can hold. */
export const maxCardPictures = 5

export interface PlayableProgress {
  /** 0 to 1. */
  (fraction: number): void
}

/**
 * The media tools of one worker process: long-lived child processes with a deadline and a memory cap per job.
 * Every path given is a local file that is only read; outputs are written to the paths named.
 */
export interface MediaTools {
  /** Reads facts. Throws MediaError. */
  facts(path: string, type: MediaType): Promise<Facts>
  /** Makes `small` (WebP, long edge ≤240), `thumb` (WebP, ≤480) and `preview` (long edge ≤2048) into `directory`, upright, sRGB, without metadata. Throws MediaError. */
  render(path: string, type: MediaType, directory: string): Promise<Rendered>
  /** Composes the picture for link previews from 1 to `maxCardPictures` previews: a JPEG of 1200 × 630 pixels, at most 250 kB, at `output`. Throws MediaError. */
  card(pictures: readonly string[], output: string): Promise<void>
  /**
   * Makes an H.264/AAC faststart MP4 where the original will not play in Chrome, Safari and Firefox.
   * Returns null where the original plays as it is. No location or personal metadata in the output.
   */
  playable(
    path: string,
    type: MediaType,
    output: string,
    options: { signal?: AbortSignal; onProgress?: PlayableProgress },
  ): Promise<RenderedFile | null>
  /** Writes the copy under `policy` to `output`, lossless, and checks it by means of its own before answering. Never throws for a bad file: it withholds. */
  clean(
    path: string,
    type: MediaType,
    policy: Exclude<MetadataPolicy, 'everything'>,
    output: string,
  ): Promise<Cleaned>
  /** Lists what location and personal data a file holds. */
  inspect(path: string): Promise<Finding[]>
  /** For Google and Samsung motion photos: writes the embedded video to `output`; null where there is none. */
  extractMotion(path: string, type: MediaType, output: string): Promise<MediaType | null>
  close(): Promise<void>
}
