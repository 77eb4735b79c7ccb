import { truncatedError } from './failures.ts'
import type { ModelEvent } from './model-event.ts'
import type { ModelRequest } from './provider.ts'
import type { Measurement } from './provider-metrics.ts'
import { stateFor, withOwner } from './state-owner.ts'
import type { Visit } from './visit.ts'

/** What a provider may say of the thread before its answer begins, in events. */
const maxHeldEvents = 64

/** An answer that has begun, at one account. */
export interface Answer {
  readonly visit: Visit
  readonly measurement: Measurement | null
  readonly first: readonly ModelEvent[]
  readonly rest: AsyncIterator<readonly ModelEvent[]>
}

/**
 * Asks an account and waits until the answer begins: until then it may be asked again, since nobody has seen anything.
 * What the provider keeps of the thread is no beginning. Throws as `Provider.stream` does.
 */
export async function openAnswer(
  visit: Visit,
  measurement: Measurement | null,
  request: ModelRequest,
  signal: AbortSignal,
): Promise<Answer> {
  const { account } = visit
  try {
    const providerState = stateFor(request.providerState, account)
    const rest = account.provider.stream({ ...request, providerState }, signal)[Symbol.asyncIterator]()
    const first: ModelEvent[] = []
    for (;;) {
      const { done, value } = await rest.next()
      if (done) throw truncatedError()
      first.push(...value)
      if (first.length < maxHeldEvents && value.every(({ type }) => type === 'provider-state-changed')) continue
      measurement?.answered()
      await visit.answered()
      return { visit, measurement, first, rest }
    }
  } catch (error) {
    measurement?.end(signal.aborted ? 'aborted' : { error })
    throw error
  }
}

/** The whole of an answer that `open` gives; how it ends is noted at the account. */
export async function* relayAnswer(
  open: () => Promise<Answer>,
  signal: AbortSignal,
): AsyncGenerator<readonly ModelEvent[], void> {
  const { visit, measurement, first, rest } = await open()
  let isFinished = false
  let isLeft = true
  try {
    let events = first
    for (;;) {
      const last = events.at(-1)
      if (last?.type === 'turn-finished') {
        isFinished = true
        if (last.usage) measurement?.used(last.usage)
      }
      yield withOwner(events, visit.account)
      const next = await rest.next()
      if (next.done) break
      events = next.value
    }
    isLeft = false
    measurement?.end('ok')
    await visit.succeeded()
  } catch (error) {
    isLeft = false
    measurement?.end(signal.aborted ? 'aborted' : { error })
    await visit.failed(error, signal)
    throw error
  } finally {
    // Whoever leaves after the last event has the whole answer.
    if (isLeft) {
      measurement?.end(isFinished ? 'ok' : 'aborted')
      await (isFinished ? visit.succeeded() : visit.dropped())
      await rest.return?.()
    }
  }
}
