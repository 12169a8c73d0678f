import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { folderBucket } from '../../src/adapters/folder/folder-bucket.ts'
import { folderResumable } from '../../src/adapters/folder/folder-resumable.ts'
import { resumableContract } from '../contract/resumable-contract.ts'
import { resumableWithHashes, withHashes } from '../support/buckets.ts'

resumableContract('a folder', async () => {
  const root = await mkdtemp(join(tmpdir(), 'mayfly-resumable-'))
  const bucket = withHashes(folderBucket(root))
  return {
    bucket,
    resumable: resumableWithHashes(folderResumable(root), bucket),
    stop: () => rm(root, { recursive: true, force: true }),
  }
})
