import { ByteHolder } from '../platform/byte-holder.ts'
import type { Budget } from './budget.ts'

/** What takes the place of an event that is too large, and of what should have followed a stream's end; null: nothing. */
export interface EventSubstitutes {
  readonly tooLarge: () => string | null
  /** `isResumable`: the stream had named an event, and can be asked for again from there. */
  readonly ended: (end: { readonly isResumable: boolean; readonly error: unknown }) => string | null
}

const lineFeed = 10
const carriageReturn = 13

/**
 * A stream of server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), event by event, in
 * which no event is larger than `maxBytes`: a larger one is not held, and left out. A server that sends more events than its
 * pace allows has to wait. Throws what breaks the stream, unless something stands in for what is missing.
 */
export async function* boundedEvents(
  source: AsyncIterable<Buffer>,
  maxBytes: number,
  pace: Budget,
  substitutes: EventSubstitutes,
): AsyncGenerator<Uint8Array, void> {
  const events = new EventSplitter(maxBytes)
  let failure: unknown = null
  try {
    for await (const bytes of source) {
      const complete = events.push(bytes)
      if (complete.length === 0) continue
      await pace.spend(complete.length)
      const bounded = complete.flatMap((event) => event ?? encoded(substitutes.tooLarge()) ?? [])
      if (bounded.length > 0) yield Buffer.concat(bounded)
    }
  } catch (error) {
    failure = error
  }
  const rest = encoded(substitutes.ended({ isResumable: events.hasId, error: failure }))
  if (rest) yield rest
  else if (failure) throw failure
}

function encoded(data: string | null): Buffer | null {
  return data === null ? null : Buffer.from(`data: ${data}\n\n`)
}

/** When a stream is asked for again after its end, whatever its server would like, in milliseconds. */
const minRetryMs = 500
const maxRetryMs = 60_000

function withBoundedRetry(event: Buffer): Buffer {
  if (!event.includes('retry:')) return event
  const text = event.toString('latin1').replaceAll(/(^|[\r\n])retry:[ ]?(\d+)(?=[\r\n])/g, (_field, start, ms) => {
    return `${start}retry: ${Math.min(maxRetryMs, Math.max(minRetryMs, Number(ms)))}`
  })
  return Buffer.from(text, 'latin1')
}

/** Cuts a stream's bytes at the empty lines between its events. */
class EventSplitter {
  /** Whether an event had an id. */
  hasId = false
  readonly #maxBytes: number
  readonly #held = new ByteHolder()
  /** Whether the event that is coming is too large already. */
  #isDropped = false
  #lineIsEmpty = true
  #afterCarriageReturn = false

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** The events that these bytes complete; null for each that was too large. */
  push(bytes: Buffer): (Buffer | null)[] {
    const events: (Buffer | null)[] = []
    let start = 0
    for (let index = 0; index < bytes.length; index++) {
      const byte = bytes[index]
      const isSecondHalf = byte === lineFeed && this.#afterCarriageReturn
      this.#afterCarriageReturn = byte === carriageReturn
      if (isSecondHalf) continue
      if (byte !== lineFeed && byte !== carriageReturn) {
        this.#lineIsEmpty = false
        continue
      }
      if (this.#lineIsEmpty) {
        this.#hold(bytes.subarray(start, index + 1))
        start = index + 1
        events.push(this.#release())
      }
      this.#lineIsEmpty = true
    }
    this.#hold(bytes.subarray(start))
    return events
  }

  #hold(bytes: Buffer): void {
    if (this.#isDropped || bytes.length === 0) return
    this.#held.push(bytes)
    if (this.#held.byteLength <= this.#maxBytes) return
    this.#isDropped = true
    this.#held.take()
  }

  #release(): Buffer | null {
    const bytes = this.#held.take()
    const event = this.#isDropped ? null : withBoundedRetry(bytes)
    this.#isDropped = false
    if (event && /(?:^|[\r\n])id:/.test(event.toString('latin1'))) this.hasId = true
    return event
  }
}
