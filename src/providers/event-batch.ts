import { sanitizeJsonObject } from '../platform/json.ts'
import { sanitizeText } from '../platform/text.ts'
import type { ModelEvent } from './model-event.ts'

/** The most that one joined delta holds, in UTF-16 code units. */
export const maxDeltaLength = 16_384

type DeltaType = 'text-delta' | 'reasoning-delta'

/**
 * Collects the events of one read and joins neighbouring deltas of a kind. What leaves is text that any database takes:
 * no surrogate pair is split between two events, and lone surrogates and NUL leave as U+FFFD, in a provider's data too.
 */
export class EventBatch {
  #events: ModelEvent[] = []
  #type: DeltaType = 'text-delta'
  #text = ''

  delta(type: DeltaType, text: string): void {
    if (text === '') return
    if (type !== this.#type) {
      this.#flush(true)
      this.#type = type
    }
    this.#text += text
    if (this.#text.length > maxDeltaLength) this.#flush(false)
  }

  add(event: ModelEvent): void {
    this.#flush(true)
    this.#events.push(withStorableData(event))
  }

  /** The events so far. Half of a surrogate pair at their end stays back for the next read, unless this is the last. */
  take({ last = false }: { last?: boolean } = {}): readonly ModelEvent[] {
    if (this.#text !== '') this.#flush(last)
    const events = this.#events
    if (events.length > 0) this.#events = []
    return events
  }

  #flush(whole: boolean): void {
    let text = this.#text
    let held = ''
    if (!whole && isHighSurrogate(text.charCodeAt(text.length - 1))) {
      held = text.slice(-1)
      text = text.slice(0, -1)
    }
    this.#text = held
    if (text === '') return
    const clean = sanitizeText(text)
    for (let start = 0; start < clean.length; ) {
      let end = Math.min(start + maxDeltaLength, clean.length)
      if (end < clean.length && isHighSurrogate(clean.charCodeAt(end - 1))) end -= 1
      this.#events.push({ type: this.#type, text: end - start === clean.length ? clean : clean.slice(start, end) })
      start = end
    }
  }
}

function withStorableData(event: ModelEvent): ModelEvent {
  switch (event.type) {
    case 'part-finished':
      return { ...event, providerData: sanitizeJsonObject(event.providerData) }
    case 'tool-call-requested':
      return { ...event, providerData: event.providerData && sanitizeJsonObject(event.providerData) }
    case 'provider-state-changed':
      return { ...event, state: sanitizeJsonObject(event.state) }
    default:
      return event
  }
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff
}
