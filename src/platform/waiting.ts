/** What comes of it, or the signal's reason where that comes first. What is waited for goes on then, unheard. */
export async function orAborted<Result>(waited: Promise<Result>, signal: AbortSignal): Promise<Result> {
  waited.catch(() => {})
  signal.throwIfAborted()
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([waited, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** Returns when all have ended, however they did, or after so many milliseconds; throws the signal's reason. */
export async function allWithin(waited: readonly Promise<unknown>[], ms: number, signal: AbortSignal): Promise<void> {
  if (waited.length === 0) return
  const { promise: late, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  try {
    await orAborted(Promise.race([Promise.allSettled(waited), late]), signal)
  } finally {
    clearTimeout(timer)
  }
}
