import type { IncomingMessage } from 'node:http'
import { isJsonObject } from '../platform/json.ts'
import { sanitizeText } from '../platform/text.ts'
import { Deadline } from './deadline.ts'
import {
  type FailureReader,
  malformedError,
  timeoutError,
  toProviderError,
  toReadError,
  toStreamError,
  truncatedError,
} from './failures.ts'
import { EventStreamResponse, readBody } from './http-fetch.ts'
import type { ModelEvent, TurnFinished } from './model-event.ts'
import type { ProviderConfig } from './provider-config.ts'
import type { ProviderError } from './provider-error.ts'
import { soundUsage } from './usage.ts'

/** How long a stream may still bring usage and its terminator after the finish reason, in milliseconds. */
const afterAnswerMs = 5_000
/** The most of a finish reason that is kept, in UTF-16 code units. */
const maxReasonLength = 200

/** Cuts a body into the payloads that a protocol frames: server-sent events, lines. Fed one read at a time. */
export interface PayloadDecoder {
  /** A payload was longer than allowed, and what follows is not read. */
  readonly isTooLong: boolean
  push(bytes: Uint8Array): string[]
  /** A payload that the stream's end cut short of its frame. */
  end(): string[]
}

/** What stopped a stream: the provider's own error object, or what was wrong with what it sent. */
export type StreamFailure =
  | { readonly type: 'provider-error'; readonly error: unknown }
  | { readonly type: 'malformed'; readonly detail: string; readonly cause?: unknown }

/** One model turn in one protocol: takes payloads and gives what they mean. */
export interface TurnReader {
  /** What ended the stream too early; what `push` returned with it was sent before and counts. */
  readonly failure: StreamFailure | undefined
  /** The model said why it ended: a stream that ends now is whole. */
  readonly isAnswered: boolean
  /** Nothing of worth can follow. */
  readonly isDone: boolean
  push(payloads: readonly string[]): readonly ModelEvent[]
  /** The turn's last events: those that were held back, and `turn-finished`. */
  finish(): readonly ModelEvent[]
}

export interface TurnStream {
  readonly config: Pick<ProviderConfig, 'timeoutMs' | 'idleTimeoutMs'>
  readonly failures: FailureReader
  readonly decoder: PayloadDecoder
  readonly turn: TurnReader
  /** Sends the request; the response's body is read here. The signal ends both. */
  open(signal: AbortSignal): Promise<Response>
}

/** What `Provider.stream` promises, over any protocol of payloads. */
export async function* streamTurn(
  { config, failures, decoder, turn, open }: TurnStream,
  signal: AbortSignal,
): AsyncGenerator<readonly ModelEvent[], void> {
  signal.throwIfAborted()
  using deadline = new Deadline(signal, config.timeoutMs)
  let incoming: IncomingMessage
  try {
    incoming = await bodyOf(await open(deadline.signal), failures)
  } catch (error) {
    signal.throwIfAborted()
    throw deadline.expired ? timeoutError(error) : toProviderError(error, failures)
  }
  try {
    deadline.reset(config.idleTimeoutMs)
    for await (const reads of readBody(incoming, () => turn.isAnswered)) {
      deadline.signal.throwIfAborted()
      deadline.stop()
      const answered = turn.isAnswered
      const events = turn.push(reads.flatMap((bytes) => decoder.push(bytes)))
      if (events.length > 0) yield events
      if (turn.failure) throw toError(turn.failure, failures)
      if (turn.isDone) break
      if (decoder.isTooLong) throw malformedError('an event is too long')
      deadline.signal.throwIfAborted()
      if (turn.isAnswered && !answered) deadline.reset(Math.min(config.idleTimeoutMs, afterAnswerMs))
      else deadline.restart()
    }
    if (!turn.isDone) {
      const events = turn.push(decoder.end())
      if (events.length > 0) yield events
      if (turn.failure?.type === 'provider-error') throw toError(turn.failure, failures)
      // A payload that is cut short is no JSON.
      if (turn.failure && !turn.isAnswered) throw truncatedError()
    }
  } catch (error) {
    signal.throwIfAborted()
    // Where the answer is whole, what broke afterwards was the connection's goodbye.
    const isWhole = turn.isAnswered && !turn.failure
    if (!isWhole) throw deadline.expired ? timeoutError(error) : toReadError(error)
  }
  if (!turn.isAnswered) throw truncatedError()
  yield turn.finish().map((event) => (event.type === 'turn-finished' ? soundEnd(event) : event))
}

/** What a provider says at the end, as it can be stored. */
function soundEnd({ rawReason, usage, ...end }: TurnFinished): TurnFinished {
  return {
    ...end,
    rawReason: rawReason === null ? null : sanitizeText(rawReason.slice(0, maxReasonLength)),
    usage: usage === null ? null : soundUsage(usage),
  }
}

/** Waits for an answer that is no stream, for `timeoutMs` at most. Throws a `ProviderError`, or the signal's reason. */
export async function requestOnce<Answer>(
  { config, failures }: Pick<TurnStream, 'config' | 'failures'>,
  signal: AbortSignal,
  send: (signal: AbortSignal) => Promise<Answer>,
): Promise<Answer> {
  signal.throwIfAborted()
  using deadline = new Deadline(signal, config.timeoutMs)
  try {
    return await send(deadline.signal)
  } catch (error) {
    signal.throwIfAborted()
    throw deadline.expired ? timeoutError(error) : toProviderError(error, failures)
  }
}

/** Some servers send an error as JSON with the status 200. */
async function bodyOf(response: Response, failures: FailureReader): Promise<IncomingMessage> {
  if (response instanceof EventStreamResponse) return response.incoming
  const text = await response.text()
  const body = parseObject(text)
  if (!response.ok)
    throw toProviderError({ status: response.status, error: body?.error ?? text, headers: response.headers }, failures)
  throw body?.error == null ? malformedError('it is no stream of events') : toStreamError(body.error, failures)
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isJsonObject(value) ? value : undefined
  } catch {
    // No JSON: HTML, mostly.
    return undefined
  }
}

function toError(failure: StreamFailure, failures: FailureReader): ProviderError {
  if (failure.type === 'provider-error') return toStreamError(failure.error, failures)
  return malformedError(failure.detail, failure.cause)
}
