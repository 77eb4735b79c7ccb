import type { FinishReason } from '../../../src/providers/model-event.ts'
import type { TokenCounts } from '../wire/wire.ts'

/** What the payloads of a recorded stream add up to, or the first of them, read in a plain way of the tests' own. */
export interface Recorded {
  readonly text: string
  readonly reasoning: string
  readonly toolCalls: readonly RecordedCall[]
  /** null where the stream has not said why it ends. */
  readonly finish: { readonly reason: FinishReason; readonly rawReason: string } | null
  readonly usage: TokenCounts | null
  /** The `code` of the stream's own error. */
  readonly error: string | null
}

export interface RecordedCall {
  /** null where the API gives none. */
  readonly id: string | null
  readonly name: string
  readonly arguments: string
}

/** One folder of recordings: how an API's payloads are read, and what of them it wants back. */
export interface RecordedApi {
  readonly folder: string
  /** The kind of provider that speaks the API. */
  readonly kind: string
  /** What ends a whole stream, beside the payloads. */
  readonly terminator: string
  frame(payload: string): string
  read(payloads: readonly Json[]): Recorded
  /** The model's turn as it must be given back, in the API's own shape. */
  turnOf(payloads: readonly Json[]): readonly unknown[]
  /** The same out of the body of a later request: what it says the model's turns were. */
  turnsIn(body: Json): readonly unknown[]
}

// biome-ignore lint/suspicious/noExplicitAny: recordings are read in the plainest way there is.
export type Json = any

export const sum = (...counts: (number | null | undefined)[]): number =>
  counts.reduce<number>((total, count) => total + (count ?? 0), 0)

export const joined = (texts: readonly (string | null | undefined)[]): string =>
  texts.map((text) => text ?? '').join('')
