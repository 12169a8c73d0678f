import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { folderBucket } from '../../src/adapters/folder/folder-bucket.ts'
import { folderResumable } from '../../src/adapters/folder/folder-resumable.ts'
import { resumableContract } from '../contract/resumable-contract.ts'

resumableContract('a folder', async () => {
  const root = await mkdtemp(join(tmpdir(), 'mayfly-resumable-'))
  return {
    bucket: folderBucket(root),
    resumable: folderResumable(root),
    stop: () => rm(root, { recursive: true, force: true }),
  }
})
