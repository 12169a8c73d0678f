import type { MediaErrorReason } from '../media/types.ts'

/** Why an item could not be prepared, for its sender. */
export const mediaErrorText: Readonly<Record<MediaErrorReason, string>> = {
  unsupported: 'This file holds something that Mayfly cannot open.',
  damaged: 'This file is damaged: it cannot be opened.',
  'too-large': 'This picture has more pixels than this server opens.',
  'too-long': 'This video says that it is longer than this server takes.',
  timeout: 'This file took too long to open.',
  'tool-failed': 'This file could not be opened.',
}

/** The same where the file is not at fault. */
export const serverErrorText = 'Something went wrong on this server. Please send this file again.'
