import type { MediaErrorReason } from '../../media/types.ts'

/** Why an item could not be prepared, for its sender. */
export const mediaErrorText: Readonly<Record<MediaErrorReason, string>> = {
  unsupported: 'This file holds something that Mayfly cannot open.',
  damaged: 'This file is damaged: it cannot be opened.',
  'too-large': 'This picture has more pixels than this server opens.',
  'too-long': 'This video says that it is longer than this server takes.',
  timeout: 'This file took too long to open.',
  'tool-failed': 'This file could not be opened.',
}

/** The same where opening it ended our own process each time. */
export const killerText = 'This file could not be opened: each try stopped the program that opens it.'

/** While it is prepared where nothing waits behind it. */
export const slowText = 'This file takes longer to open than most. It is still being prepared.'

/** While the file is not to blame. */
export const waitingText = 'This file could not be opened yet. It will be tried again.'

/** Where the bytes in the bucket are no longer those that were sent. */
export const changedInStorageText = 'This file was changed in storage on this server. Please send it again.'
