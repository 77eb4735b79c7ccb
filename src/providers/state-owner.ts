import type { JsonObject } from '../platform/json.ts'
import type { ModelEvent } from './model-event.ts'

/** Beside what the provider keeps of a thread: the name of the account that it keeps it for. */
const ownerKey = 'parleyAccount'

/** Where a provider has several accounts, each knows its own conversations only. */
interface Owner {
  readonly name: string
  /** Whether it is the only account. */
  readonly isAlone: boolean
}

/** The name of the account that a thread's state belongs to; undefined where there is none, or anyone may use it. */
export function ownerOf(state: JsonObject | null): string | undefined {
  const owner = state?.[ownerKey]
  return typeof owner === 'string' ? owner : undefined
}

/** The state as the account's provider knows it, or null where it is another's: then the thread is told from its start. */
export function stateFor(state: JsonObject | null, account: Owner): JsonObject | null {
  const owner = ownerOf(state)
  if (state === null || owner === undefined) return state
  if (owner !== account.name) return null
  const { [ownerKey]: _, ...own } = state
  return own
}

/** The events with the account's name in what the provider keeps of the thread. */
export function withOwner(events: readonly ModelEvent[], account: Owner): readonly ModelEvent[] {
  if (account.isAlone || !events.some(({ type }) => type === 'provider-state-changed')) return events
  return events.map((event) =>
    event.type === 'provider-state-changed' ? { ...event, state: { ...event.state, [ownerKey]: account.name } } : event,
  )
}
