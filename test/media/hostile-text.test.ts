import { describe, expect, it } from 'vitest'
import { namesOf } from '../../src/http/uploads/upload-form.ts'
import { boundaryOf, formParts } from '../../src/http/input/bodies/form-parts.ts'
import { plain } from '../../src/http/input/share-fields.ts'
import { namesLocation } from '../../src/media/metadata/bytes/kept-tags.ts'
import { cleanName } from '../../src/media/metadata/clean-name.ts'
import { coordinatesOf, locationTags, personalTags, tagsOf } from '../../src/media/metadata/tags.ts'
import { blankXmpLocation, locationSpans } from '../../src/media/metadata/locations/xmp-location.ts'
import { contentDisposition, safeName } from '../../src/media/names/names.ts'
import { hostileTexts } from '../support/hostile-text.ts'
import { leastProcessorMs } from '../support/timing.ts'

/** A twentieth of this is what the slowest take (8 ms); what is not linear takes seconds, or never ends. */
const mostMs = 150

const coordinates = { latitude: 48.8584, longitude: 2.2945, altitude: null, direction: null }

/** Everything that looks at a stranger's text for long enough to matter, and the longest text that it may be given. */
const readers: readonly (readonly [string, number, (text: string) => unknown])[] = [
  ['a name made safe', 16_384, safeName],
  ['a path split', 16_384, namesOf],
  ['a name for a header', 16_384, (text) => contentDisposition(text, 'attachment')],
  ['a line of text', 2000, plain],
  ['a description without coordinates', 16_384, (text) => cleanName(text, null, 'no-location')],
  ['a name without its place', 16_384, (text) => cleanName(text, { coordinates }, 'none', ['Sydney Opera', '_a_'])],
  ['the boundary of a form', 16_384, (text) => boundaryOf(`multipart/form-data; boundary=${text}`)],
  ['what says that it is a form', 16_384, (text) => boundaryOf(`multipart/form-data${text}`)],
  ['a packet of XMP', 400_000, locationSpans],
  ['an open element of XMP', 400_000, (text) => locationSpans(`<exif:GPSLatitude>${text}`)],
  ['a packet of XMP to be blanked', 400_000, (text) => blankXmpLocation(`<a:b ${text}`)],
  ['a text in a film', 400_000, namesLocation],
  [
    'names and values of tags',
    60_000,
    (text) => {
      const tags = tagsOf({ [`XMP:XMP-a:Other:${text}`]: text, 'EXIF:GPS:Location:GPSLatitude': text })
      return [personalTags(tags), locationTags(tags), coordinatesOf(tags)]
    },
  ],
] // prettier-ignore

describe.each(readers)('%s takes linear time', (_what, length, read) => {
  it.each(hostileTexts(length))('%s', (_family, text) => {
    expect(leastProcessorMs(() => read(text), 2)).toBeLessThan(mostMs)
  })
})

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  await Promise.resolve()
  yield bytes
}

describe('the head of a form’s part takes linear time', () => {
  it.each(hostileTexts(15_000))('%s', async (_family, text) => {
    const line = text.replaceAll('\r\n', '\n')
    for (const head of [`name="${line}`, `name="a"; filename="${line}`, `name=a;${line}`, `name=${line}`]) {
      const form = Buffer.from(`--b\r\nContent-Disposition: form-data; ${head}\r\n\r\nx\r\n--b--`)
      const begun = process.cpuUsage()
      try {
        for await (const { body } of formParts(once(form), 'b')) void body
      } catch {
        // What is malformed may be refused: here it only has to be quick.
      }
      const { user } = process.cpuUsage(begun)
      expect(user / 1000).toBeLessThan(mostMs)
    }
  })
})
