// Preloaded into a command: when it ends, it says what it took, as a line of JSON on stderr.
import { monitorEventLoopDelay } from 'node:perf_hooks'

const delay = monitorEventLoopDelay({ resolution: 5 })
delay.enable()
const began = performance.now()
process.once('exit', () => {
  const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage()
  console.error(
    JSON.stringify({
      peakMegabytes: maxRSS / 1024,
      cpuSeconds: (userCPUTime + systemCPUTime) / 1e6,
      seconds: (performance.now() - began) / 1000,
      stallMs: delay.max / 1e6,
    }),
  )
})
