/** What patterns and loops trip over, as pieces that are repeated to the length that an entry takes. */
const pieces: Readonly<Record<string, string>> = {
  backslashes: '\\',
  quotes: '"',
  'escaped quotes': '\\"',
  spaces: ' ',
  tabs: '\t',
  'line ends': '\r\n',
  dots: '.',
  'dots and spaces': '. ',
  figures: '7',
  'figures with points': '1.',
  'figures with spaces': '1 ',
  coordinates: '48.8584, 2.2945 ',
  'coordinates in lines': '48.858,2.29\n',
  degrees: `48°51'29.6"N `,
  'degrees without an end': '1° ',
  labels: 'lat ',
  'geo addresses': 'geo:1,2;u=',
  'plus codes': '8FW4V75V+',
  signs: '+1.1111',
  'near misses': 'a!',
  dashes: '- ',
  underscores: '_',
  brackets: '(',
  'nested brackets': '[{(',
  braces: '{{',
  elements: '<a:b c="',
  'open elements': '<exif:GPSLatitude ',
  percents: '%',
  escapes: '%41',
  commas: ',',
  semicolons: ';a="',
  equals: 'a=b&',
  slashes: '/',
  'three words': '///a.b',
  marks: 'e\u0301\u0323',
  'marks alone': '\u0301\u0323',
  'halves of pairs': '\ud800',
  'joined emoji': '👩‍👩‍👧',
  'long compositions': '\ufdfa',
  'right to left': '\u202e',
  zeros: '\0',
  prototypes: '__proto__',
}

/** `piece` over and over, exactly `length` characters, and an end that makes what nearly fitted not fit. */
const filled = (piece: string, length: number): string =>
  `${piece.repeat(Math.ceil(length / piece.length)).slice(0, Math.max(length - 1, 0))}!`.slice(0, length)

/** Every family of hostile text at the full length of an entry. Some are mixed: what goes leaves what is left to meet. */
export function hostileTexts(length: number): readonly (readonly [family: string, text: string])[] {
  const families = Object.entries(pieces).map(([name, piece]) => [name, filled(piece, length)] as const)
  const half = Math.floor(length / 2)
  return [
    ...families,
    ['a coordinate before spaces', `48.8584${' '.repeat(Math.max(length - 8, 0))}x`.slice(0, length)],
    ['a coordinate before what goes', `48.8584${filled('1° ', length - 7)}`],
    ['a label before spaces', `lat${' '.repeat(Math.max(length - 4, 0))}x`.slice(0, length)],
    ['dots in the middle', `a${'.'.repeat(half)}b`],
    ['spaces in the middle', `a${' '.repeat(half)}b`],
  ]
}
