import type { S3Client } from '@aws-sdk/client-s3'
import { S3RequestPresigner } from '@aws-sdk/s3-request-presigner'

export interface PresignGet {
  /** Where the bucket's keys begin: `https://host[/bucket]/`. */
  readonly base: string
  readonly key: string
  readonly seconds: number
  /** Milliseconds since 1970. */
  readonly now: number
  /** The answer's headers, by the names that S3's GetObject gives their parameters: `response-content-type`… */
  readonly answer: Readonly<Record<string, string>>
}

/** RFC 3986, as Signature Version 4 wants it: encodeURIComponent leaves five more as they are. */
const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)

/**
 * Signs addresses that get an object. The SDK's signer alone takes a seventh of `getSignedUrl`, which sends a whole
 * command through the client's middleware first (docs/speed.md).
 */
export function s3Presigner(client: S3Client): (input: PresignGet) => Promise<string> {
  const signer = new S3RequestPresigner({ ...client.config })
  return async ({ base, key, seconds, now, answer }) => {
    const url = new URL(base)
    const { path, query = {} } = await signer.presign(
      {
        method: 'GET',
        protocol: url.protocol,
        hostname: url.hostname,
        ...(url.port === '' ? {} : { port: Number(url.port) }),
        path: url.pathname + key.split('/').map(encode).join('/'),
        query: { 'x-id': 'GetObject', ...answer },
        headers: { host: url.host },
      },
      { expiresIn: seconds, signingDate: new Date(now) },
    )
    const parameters = Object.entries(query).map(([name, text]) => `${encode(name)}=${encode(String(text))}`)
    return `${url.origin}${path}?${parameters.join('&')}`
  }
}
