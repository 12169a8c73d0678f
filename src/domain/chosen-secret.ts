import { Refused } from './errors.ts'
import { tokenPattern } from './tokens.ts'

/** What an owner may choose as a link's secret. */
export const chosenSecretPattern = /^[a-z0-9-]{8,64}$/

/** Fewer different characters than this are tried first by whoever guesses. */
const leastDifferent = 5

/** What is typed by running a finger along: a chosen secret must not be a piece of one of these, either way round. */
const runs = [
  'abcdefghijklmnopqrstuvwxyz',
  '01234567890123456789',
  'qwertyuiopasdfghjklzxcvbnm',
  'qwertzuiopasdfghjklyxcvbnm',
]

/** Words that are guessed first; a secret made of these and figures alone is weak. */
const commonWords = new Set(
  (
    'a album albums and birthday christmas collection easter family fotos foto friends gallery holiday holidays hello ' +
    'image images link love mayfly me media my new our party password passwort photo photos pic pics picture pictures ' +
    'private qwerty secret share shared sharing summer test the trip urlaub us vacation video videos wedding welcome ' +
    'winter year your'
  ).split(' '),
)

const weak = (why: string, message: string) => new Refused('secret-weak', message, { why })

/** Throws Refused('secret-weak'), with the reason, for a chosen secret that could be guessed or does not fit an address. */
export function checkChosenSecret(secret: string): void {
  if (!chosenSecretPattern.test(secret))
    throw weak('characters', 'Take 8 to 64 characters of a–z, 0–9 and “-”.')
  // Guessing random secrets is hopeless and so not held up (see guess.ts): none may be taken for one of them.
  if (tokenPattern.test(secret))
    throw weak(
      'like-random',
      'This looks like a random one. Make it a little longer or shorter, or put a “-” in it.',
    )
  if (new Set(secret.replaceAll('-', '')).size < leastDifferent)
    throw weak('repeats', 'Too few different characters: this is guessed quickly.')
  const plain = secret.replaceAll('-', '')
  if (/^\d+$/.test(plain)) throw weak('figures', 'Figures alone are guessed quickly. Add some words.')
  const backwards = [...plain].reverse().join('')
  if (runs.some((run) => run.includes(plain) || run.includes(backwards)))
    throw weak('sequence', 'Keys in a row are guessed quickly. Add some words.')
  if (partsOf(secret).every((part) => commonWords.has(part)))
    throw weak('common', 'These words are guessed first. Add something that only you would think of.')
}

/** The words of a secret, without the figures between and after them. */
const partsOf = (secret: string): string[] => secret.split(/[-\d]+/).filter((part) => part !== '')
