const mediaName =
  /\.(jpe?g|heic|heif|avif|png|webp|gif|tiff?|jxl|dng|cr[23]|nef|arw|raf|rw2|orf|mp4|mov|m4v|3gp|mkv|webm|avi|m?ts|m2ts|hif)$/i

/** Whether a file looks like a photo or video. The server looks at the content; this only keeps folders tidy. */
export const isMedia = ({ name, type }: File): boolean =>
  /^(image|video)\//.test(type) || mediaName.test(name)

/** All files of a drop, folders with all that is in them. Entries must be taken at once, before anything is awaited. */
export async function droppedFiles(transfer: DataTransfer): Promise<File[]> {
  const entries = [...transfer.items].flatMap((item) => item.webkitGetAsEntry() ?? [])
  if (entries.length === 0) return [...transfer.files]
  const files: File[] = []
  for (const entry of entries) await collect(entry, files, entry.isFile)
  return files
}

const isFile = (entry: FileSystemEntry): entry is FileSystemFileEntry => entry.isFile
const isDirectory = (entry: FileSystemEntry): entry is FileSystemDirectoryEntry => entry.isDirectory

async function collect(entry: FileSystemEntry, files: File[], isChosen: boolean): Promise<void> {
  if (isFile(entry)) {
    const file = await new Promise<File>((resolve, reject) => entry.file(resolve, reject))
    // What was picked by hand is shown with its reason if it cannot be shared; a folder's other files are left out.
    if (isChosen || isMedia(file)) files.push(file)
  } else if (isDirectory(entry)) {
    const reader = entry.createReader()
    for (;;) {
      // A reader answers at most 100 entries at a time, and none when it is done.
      const batch = await new Promise<FileSystemEntry[]>((resolve, reject) =>
        reader.readEntries(resolve, reject),
      )
      if (batch.length === 0) return
      for (const inner of batch) await collect(inner, files, false)
    }
  }
}
