import { createRequire } from 'node:module'
import { z } from 'zod'
import type { Store } from '../../ports.ts'
import type { KnownOwner } from '../owner/owner.ts'
import { Refused } from '../records/errors.ts'
import { keys } from '../records/keys.ts'
import { networksOf } from '../records/limits/network.ts'
import { countTry, type TryLimit } from '../records/limits/tries.ts'
import type { Link } from '../records/records.ts'
import { seal } from '../records/seal.ts'
import { hashToken, randomToken, tokenPattern } from '../records/tokens.ts'

/** A slug that an owner asks for, and the network address that the request came from. */
export interface CustomSlug {
  readonly text: string
  readonly address: string
}

/** Slugs that one address may ask for within an hour: the answer tells whether one exists. */
const slugsTried: TryLimit = { most: 30, windowSeconds: 3600 }

/**
 * A link's new secret, and what its record holds of it. `slug`: null for a random secret. Throws Refused
 * (`too-many-requests`, `secret-weak`).
 */
export async function newSecret(
  store: Pick<Store, 'hit'>,
  owner: KnownOwner,
  slug: CustomSlug | null,
): Promise<{ secret: string; recorded: Pick<Link, 'secretHash' | 'sealedSecret' | 'isChosen'> }> {
  if (slug) {
    const refusal = 'Too many names were tried. Wait a while, or take a random link.'
    await countTry(store, networksOf(slug.address), keys.namesTried, slugsTried, refusal)
    checkCustomSlug(slug.text)
  }
  const secret = slug?.text ?? randomToken()
  const recorded = {
    secretHash: hashToken(secret),
    sealedSecret: seal(owner.key, secret),
    isChosen: slug !== null,
  }
  return { secret, recorded }
}

/** What an owner may choose as a link's secret. */
export const chosenSecretPattern = /^[a-z0-9-]{8,64}$/

/** Guessers first try slugs of fewer different characters than this. */
const leastDifferent = 5

/** Rows of a keyboard: a slug must not be a part of one of these, in either direction. */
const runs = [
  'abcdefghijklmnopqrstuvwxyz',
  '01234567890123456789',
  'qwertyuiopasdfghjklzxcvbnm',
  'qwertzuiopasdfghjklyxcvbnm',
]

/** Words that are guessed first; a secret made of these and figures alone is weak. */
const commonWords = new Set(
  (
    'a i album albums and birthday christmas collection easter family fotos foto friends gallery holiday holidays hello ' +
    'image images link love mayfly me media my new our party password passwort photo photos pic pics picture pictures ' +
    'private qwerty secret share shared sharing summer test the trip urlaub us vacation video videos wedding welcome ' +
    'winter year you your'
  ).split(' '),
)

/** A word of up to this many letters is guessed together with every year and number before or after it. */
const longestWord = 15
const oneWord = /^\d*([a-z]+)\d*$/

/** Passwords that leaked most often (zxcvbn's list, 49,000, from its package): read when first asked, 60 ms and 5 MB. */
const listSchema = z.object({ dictionary: z.object({ 'passwords-common': z.array(z.string()) }) })
let leaked: ReadonlySet<string> | undefined
function leakedPasswords(): ReadonlySet<string> {
  if (leaked === undefined) {
    const require = createRequire(import.meta.url)
    const { dictionary } = listSchema.parse(require('@zxcvbn-ts/language-common'))
    leaked = new Set(dictionary['passwords-common'])
  }
  return leaked
}

const weak = (why: string, message: string) => new Refused('secret-weak', message, { why })

/** Throws Refused('secret-weak') with the reason if a slug could be guessed or is not valid in an address. */
export function checkCustomSlug(secret: string): void {
  if (!chosenSecretPattern.test(secret))
    throw weak('characters', 'Take 8 to 64 characters of a–z, 0–9 and “-”.')
  // Guessing random secrets is hopeless and so not held up (see gate/entrance.ts): none may be taken for one of them.
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
  // A year or a number behind or before a leaked one helps little (`passw0rd2026`).
  const withoutNumber = [plain.replace(/\d{1,8}$/, ''), plain.replace(/^\d{1,8}/, '')]
  if ([plain, secret, ...withoutNumber].some((text) => leakedPasswords().has(text)))
    throw weak('common', 'This is among the passwords that are guessed first. Put several words together.')
  if (partsOf(secret).every((part) => commonWords.has(part)))
    throw weak('common', 'These words are guessed first. Add something that only you would think of.')
  const word = oneWord.exec(plain)?.[1]
  if (word !== undefined && word.length <= longestWord && partsOf(secret).length === 1)
    throw weak(
      'one-word',
      'One word, with or without a number, is guessed quickly. Put “-” and more words to it.',
    )
}

/** The words of a secret, without the figures between and after them. */
const partsOf = (secret: string): string[] => secret.split(/[-\d]+/).filter((part) => part !== '')
