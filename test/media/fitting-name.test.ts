import { describe, expect, it } from 'vitest'
import { fittingName } from '../../src/media/names/fitting-name.ts'
import { mediaTypes } from '../../src/media/formats/media-type.ts'
import { nameFromTitle } from '../../src/media/names/names.ts'
import type { Format } from '../../src/media/types.ts'

describe('a name whose extension fits its content', () => {
  it.each<[string, Format, string]>([
    ['invitation.html', 'jpeg', 'invitation.html.jpg'],
    ['run.exe', 'mp4', 'run.exe.mp4'],
    ['a.JPG', 'jpeg', 'a.JPG'],
    ['a.jpeg', 'jpeg', 'a.jpeg'],
    ['IMG_1.HEIC', 'jpeg', 'IMG_1.jpg'],
    ['a.jpg', 'png', 'a.png'],
    ['a.heif', 'heic', 'a.heif'],
    ['a.hif', 'heic', 'a.hif'],
    ['a.mov', 'mp4', 'a.mov'],
    ['a.MP4', 'mov', 'a.MP4'],
    ['a.3gp', 'mp4', 'a.3gp'],
    ['PXL_2024.MP', 'mp4', 'PXL_2024.MP.mp4'],
    ['without', 'webp', 'without.webp'],
    ['at 18.30.00', 'png', 'at 18.30.00.png'],
    [`${'a'.repeat(251)}.html`, 'jpeg', `${'a'.repeat(251)}.jpg`],
  ])('%s of %s: %s', (name, format, expected) => {
    const fitting = fittingName(name, mediaTypes[format])
    expect(fitting).toBe(expected)
    expect(fittingName(fitting, mediaTypes[format])).toBe(fitting)
    expect(Buffer.byteLength(fitting)).toBeLessThanOrEqual(255)
  })
})

describe('a name made of a title', () => {
  it.each([
    ['Wedding 01/02/2024', 'Wedding 01-02-2024.zip'],
    ['a\\b', 'a-b.zip'],
    ['Rome: the day', 'Rome- the day.zip'],
    ['What? "Yes" *now* <3 | x', 'What_ _Yes_ _now_ _3 - x.zip'],
    ['CON', '_CON.zip'],
    ['nul.txt', '_nul.txt.zip'],
    ['.hidden', 'hidden.zip'],
    ['../../etc', '-..-etc.zip'],
    ['Dots...', 'Dots....zip'],
    ['日'.repeat(200), `${'日'.repeat(83)}.zip`],
    ['v1.2', 'v1.2.zip'],
  ])('%s: %s', (title, expected) => {
    expect(nameFromTitle(title, 'zip')).toBe(expected)
  })
})
