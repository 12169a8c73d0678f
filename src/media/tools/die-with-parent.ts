import { existsSync } from 'node:fs'

const setpriv = ['/usr/bin/setpriv', '/bin/setpriv'].find((command) => existsSync(command))

/**
 * What to start in place of `command` so that it dies with us, also when we are killed: by the kernel's
 * parent-death signal (prctl(2)), which util-linux's setpriv sets. The command alone where there is no setpriv.
 */
export function dieWithParent(
  command: string,
  args: readonly string[] = [],
): { command: string; args: string[] } {
  if (setpriv === undefined) return { command, args: [...args] }
  return { command: setpriv, args: ['--pdeathsig', 'KILL', '--', command, ...args] }
}
