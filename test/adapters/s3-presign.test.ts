import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { describe, expect, it } from 'vitest'
import { s3Presigner } from '../../src/adapters/s3/s3-presign.ts'

const credentials = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
}
const keys = ['items/abc/original', 'albums/a.b_c-1/bundle-none-12.zip', "odd/a b+c~d'e(f)g*h!.jpg"]
const places = [
  { endpoint: 'http://127.0.0.1:9000', forcePathStyle: true, base: 'http://127.0.0.1:9000/bucket/' },
  { endpoint: 'https://s3.example.org', forcePathStyle: false, base: 'https://bucket.s3.example.org/' },
]

const plain = {
  requestChecksumCalculation: 'WHEN_REQUIRED',
  responseChecksumValidation: 'WHEN_REQUIRED',
} as const

describe('presigned addresses', () => {
  it.each(places)('are those of the SDK: $base', async ({ base, ...place }) => {
    const region = 'eu-central-1'
    const client = new S3Client({
      ...place,
      region,
      credentials,
      ...plain,
    })
    const presign = s3Presigner(client)
    // Two days, for the key of the day must change with it.
    for (const now of [Date.UTC(2026, 4, 1, 23, 59, 59), Date.UTC(2026, 4, 2, 0, 0, 1)])
      for (const key of keys) {
        const disposition = `attachment; filename="a b.jpg"; filename*=UTF-8''%C3%A4%20(1).jpg`
        const command = new GetObjectCommand({
          Bucket: 'bucket',
          Key: key,
          ResponseContentType: 'image/jpeg',
          ResponseContentDisposition: disposition,
          ResponseCacheControl: 'private, no-store',
        })
        const theirs = new URL(
          await getSignedUrl(client, command, { expiresIn: 60, signingDate: new Date(now) }),
        )
        const ours = new URL(
          await presign({
            base,
            key,
            seconds: 60,
            now,
            answer: {
              'response-content-type': 'image/jpeg',
              'response-content-disposition': disposition,
              'response-cache-control': 'private, no-store',
            },
          }),
        )
        expect([ours.origin, ours.pathname]).toEqual([theirs.origin, theirs.pathname])
        const sorted = (url: URL) => [...url.searchParams].sort(([a], [b]) => (a < b ? -1 : 1))
        expect(sorted(ours)).toEqual(sorted(theirs))
      }
    client.destroy()
  })
})
