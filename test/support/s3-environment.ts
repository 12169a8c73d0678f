import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { inject } from 'vitest'
import { uniqueName } from './servers.ts'

/** A new bucket on the tests' S3 server, as an operator would set it. */
export async function s3Environment(label: string): Promise<Record<string, string>> {
  const { endpoint, region, accessKeyId, secretAccessKey } = inject('s3')
  const bucket = uniqueName(label)
  const credentials = { accessKeyId, secretAccessKey }
  const client = new S3Client({ endpoint, region, forcePathStyle: true, credentials })
  await client.send(new CreateBucketCommand({ Bucket: bucket }))
  client.destroy()
  return {
    BUCKET: 's3',
    S3_ENDPOINT: endpoint,
    S3_REGION: region,
    S3_BUCKET: bucket,
    S3_ACCESS_KEY_ID: accessKeyId,
    S3_SECRET_ACCESS_KEY: secretAccessKey,
  }
}
