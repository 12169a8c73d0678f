import { sizeWords, t } from '../messages.ts'

/** Bytes a second, smoothed over some seconds, and the time that is left at that pace. */
export class Pace {
  private rate = 0
  private last: { at: number; bytes: number } | null = null

  /** `2.1 MB of 80 MB · 3 MB a second · 26 seconds left` */
  words(done: number, total: number): string {
    const now = performance.now()
    if (this.last && done >= this.last.bytes) {
      const seconds = (now - this.last.at) / 1000
      if (seconds >= 0.5) {
        const current = (done - this.last.bytes) / seconds
        this.rate = this.rate === 0 ? current : this.rate * 0.8 + current * 0.2
        this.last = { at: now, bytes: done }
      }
    } else this.last = { at: now, bytes: done }
    const values = { done: sizeWords(done), total: sizeWords(total) }
    if (this.rate < 1000 || done >= total) return t('progress', values)
    const left = leftWords((total - done) / this.rate)
    return t('progressRate', { ...values, rate: sizeWords(this.rate), left })
  }
}

function leftWords(seconds: number): string {
  if (seconds < 90) return t('secondsLeft', { count: Math.max(1, Math.round(seconds)) })
  if (seconds < 5400) return t('minutesLeft', { count: Math.round(seconds / 60) })
  return t('hoursLeft', { count: Math.round(seconds / 3600) })
}
