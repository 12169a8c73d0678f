/** How many characters of a tool's words are judged: the last ones, where tools say why they ended. */
const judgedCharacters = 4000

/** What programs say of a file that they cannot make sense of. */
const fileWords = new RegExp(
  [
    'invalid|corrupt|damaged|truncat|premature|malformed|broken|bad[ _-]|illegal|garbage|mismatch|checksum|crc',
    'unsupported|not (?:yet |currently )?(?:support|implemented)|not a valid|unknown|unexpected|unrecogni[sz]ed',
    'format|decod|pars(?:e|ing)|header|marker|chunk|atom|huffman|dimension|bitstream|reserved|overrun|exceed|limit',
    'nothing written|missing|end of (?:file|image|data)|eof|no (?:frame|stream|video)|does not contain|could not find|matches no',
    "too (?:large|small|many|few|short|long|big)|can't (?:currently |yet )?(?:write|handle)|looks more like|encrypted|error reading",
    'seek|rewriting|null (?:bytes|character)|double-referenced|not yet tested|will wrap',
  ].join('|'),
  'i',
)

/** What programs say when the machine fails them; it goes before `fileWords`. Most are texts of strerror(3). */
const machineWords = new RegExp(
  [
    'allocate|out of memory|not enough memory|memory exhausted|bad_alloc|no space left|quota exceeded',
    'resource temporarily unavailable|too many open files|no such file|permission denied|not permitted',
    'read-only file|stale file handle|resource busy|text file busy|transport endpoint|connection|broken pipe',
    'shared librar|symbol lookup|file not found|file is missing|(?:cannot|unable to|can.t|could not) (?:open|create|fork|start)',
    'error (?:opening|creating|writing|renaming|deleting|closing)|write error|failed to (?:open|write|create)|create[a-z_ ]* thread|pthread',
    'enomem|enospc|eagain|emfile|enfile|enoent|eacces|eio\\b',
  ].join('|'),
  'i',
)

/**
 * Whether a program that gave up over a file blames the file, by what it says. A keep-list: words that nobody knows say
 * nothing against the file, and it is tried again.
 */
export function isFileBlamed(words: string): boolean {
  const judged = words.slice(-judgedCharacters)
  return fileWords.test(judged) && !machineWords.test(judged)
}

const crashSignals: ReadonlySet<string | null> = new Set([
  ...['SIGSEGV', 'SIGBUS', 'SIGFPE', 'SIGILL', 'SIGABRT', 'SIGTRAP', 'SIGSYS'],
])

/**
 * Whether a process that a signal ended came to grief over its input, by what it did itself. Any other signal was sent by
 * somebody: a service manager, or the kernel when memory is short.
 */
export const isCrash = (signal: string | null, lastWords: string): boolean =>
  crashSignals.has(signal) && !machineWords.test(lastWords.slice(-judgedCharacters))
