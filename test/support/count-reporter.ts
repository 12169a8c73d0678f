import { writeFileSync } from 'node:fs'
import type { Reporter, TestModule } from 'vitest/node'

/**
 * Writes `passed failed skipped` to the file that TEST_COUNTS_FILE names, for script/test's last line. A file that
 * fails outside of its tests (it does not load, a hook throws) and each unhandled error count as one failure.
 */
export default class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const file = process.env.TEST_COUNTS_FILE
    if (file === undefined) return
    let [passed, failed, skipped] = [0, unhandledErrors.length, 0]
    for (const module of modules) {
      const before = failed
      for (const test of module.children.allTests()) {
        const { state } = test.result()
        if (state === 'passed') passed += 1
        else if (state === 'failed') failed += 1
        else skipped += 1
      }
      if (module.state() === 'failed' && failed === before) failed += 1
    }
    writeFileSync(file, `${passed} ${failed} ${skipped}\n`)
  }
}
