/** What the server sends along: the reader's locale, and the messages that scripts say by themselves. */
interface Sent {
  readonly locale: string
  readonly messages: Readonly<Record<string, string>>
}

const isSent = (value: unknown): value is Sent =>
  typeof value === 'object' && value !== null && 'locale' in value && 'messages' in value

function read(): Sent {
  const sent: unknown = JSON.parse(document.getElementById('messages')?.textContent ?? 'null')
  return isSent(sent) ? sent : { locale: 'en', messages: {} }
}

export const { locale, messages } = read()

const plurals = new Intl.PluralRules(locale)

/** The message under `key`, with the plural form for `count`, as i18next would say it on the server. */
export function t(key: string, values: Readonly<Record<string, string | number>> = {}): string {
  const { count } = values
  const template =
    (typeof count === 'number'
      ? (messages[`${key}_${plurals.select(count)}`] ?? messages[`${key}_other`])
      : undefined) ??
    messages[key] ??
    key
  return template.replace(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const value = values[name]
    return typeof value === 'number' ? value.toLocaleString(locale) : (value ?? '')
  })
}

const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte']

/** Bytes as people read them: `4.2 MB`. */
export function sizeWords(bytes: number): string {
  const exponent = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3))
  const amount = bytes / 1000 ** exponent
  return new Intl.NumberFormat(locale, {
    style: 'unit',
    unit: units[exponent] ?? 'byte',
    unitDisplay: exponent === 0 ? 'long' : 'short',
    maximumFractionDigits: exponent > 1 && amount < 100 ? 1 : 0,
  }).format(amount)
}
