import { SignalReceived } from './command.ts'

/**
 * A Ctrl-C reaches the whole process group, and npm or the launcher may pass theirs on as well: what comes so soon
 * after the first signal is the same one again, and no second wish.
 */
const echoMs = 500

/** The first SIGINT or SIGTERM aborts the result; a second one ends the process at once. */
export function watchSignals(): AbortSignal {
  const controller = new AbortController()
  let firstAt = 0
  const receive = (signal: 'SIGINT' | 'SIGTERM') => {
    const received = new SignalReceived(signal)
    if (!controller.signal.aborted) {
      firstAt = performance.now()
      controller.abort(received)
    } else if (performance.now() - firstAt > echoMs) {
      process.exit(received.exitCode)
    }
  }
  process.on('SIGINT', receive)
  process.on('SIGTERM', receive)
  return controller.signal
}

/** What the work comes to, or the signal's reason as an error as soon as it is aborted; then the work goes on unheard. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(signal.reason)
  if (signal.aborted) onAbort()
  else signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
    work.catch(() => {})
  }
}
