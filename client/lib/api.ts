/** A failure that the server told of: `code` is one of the API's. */
export class ApiError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message)
  }
}

/** What a status means where a proxy, not Mayfly, answered. */
const codeOfStatus: Readonly<Record<number, string>> = {
  0: 'network',
  408: 'too-slow',
  413: 'file-too-large',
  415: 'unsupported-format',
  429: 'too-many-requests',
  502: 'unavailable',
  503: 'unavailable',
  504: 'unavailable',
  507: 'instance-full',
}

/** Of what one address may send there are two bounds: what a person hears says for how long. */
const bounds: Readonly<Record<string, string>> = { hour: 'too-many-this-hour', day: 'too-many-today' }

/** Reads the API's error body; of anything else the status must do. */
export function errorOf(status: number, body: string): ApiError {
  try {
    const parsed: unknown = JSON.parse(body)
    const error = fieldOf(parsed, 'error')
    const [code, message] = [fieldOf(error, 'code'), fieldOf(error, 'message')]
    if (typeof code === 'string' && typeof message === 'string')
      return new ApiError(bounds[textOf(fieldOf(error, 'details'), 'per')] ?? code, message)
  } catch {
    // A proxy's page, or nothing.
  }
  return new ApiError(codeOfStatus[status] ?? 'internal', '')
}

export const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && name in value ? Reflect.get(value, name) : undefined

export const textOf = (value: unknown, name: string): string => {
  const found = fieldOf(value, name)
  return typeof found === 'string' ? found : ''
}

/** Calls the API and answers its JSON (null where it has no body). Throws ApiError. */
export async function call(method: string, path: string, body?: object): Promise<unknown> {
  let response: Response
  try {
    response = await fetch(`/api/v1${path}`, {
      method,
      headers: { Accept: 'application/json', ...(body ? { 'Content-Type': 'application/json' } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
    })
  } catch {
    throw new ApiError('network', '')
  }
  const text = await response.text()
  if (!response.ok) throw errorOf(response.status, text)
  return text === '' ? null : JSON.parse(text)
}
