import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/global-setup.ts'],
    reporters: ['default', './test/support/count-reporter.ts'],
    // What a test waits for, it waits for patiently: a machine may be slow, or busy with something else. What must be
    // quick is said by the test itself.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    teardownTimeout: 60_000,
    expect: { poll: { timeout: 30_000 } },
    // One more than the two cores of CI: many tests wait.
    maxWorkers: 3,
  },
})
