let isWanted = false
let isAsking = false
let lock: WakeLockSentinel | null = null

/**
 * Keeps the screen on, or lets it go: a phone whose screen goes off soon stops to send. Browsers take the lock back when
 * the page is hidden, so it is asked for again when it is seen (Screen Wake Lock API).
 */
export function keepAwake(isOn: boolean): void {
  if (isOn === isWanted) return
  isWanted = isOn
  void settle()
}

document.addEventListener('visibilitychange', () => void settle())

async function settle(): Promise<void> {
  // Not in all browsers, and over https alone.
  if (!('wakeLock' in navigator) || isAsking) return
  if (!isWanted) {
    const held = lock
    lock = null
    await held?.release().catch(() => undefined)
  } else if (document.visibilityState === 'visible' && (lock === null || lock.released)) {
    isAsking = true
    // Refused on an empty battery, for one: then it sends as long as it may.
    lock = await navigator.wakeLock.request('screen').catch(() => null)
    isAsking = false
    // Meanwhile all may have arrived.
    if (!isWanted) await settle()
  }
}
