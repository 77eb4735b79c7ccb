import type { IncomingHttpHeaders } from 'node:http'
import type { FinishReason } from '../../../src/providers/model-event.ts'

/** One API of a model, exact in its own shapes: how it says what a test has it say, and how its requests are read. */
export interface Wire {
  /** The kind of provider that speaks it. */
  readonly kind: string
  /** Of a streamed answer. */
  readonly contentType: string
  /** What a base URL ends in, where the kind expects that: `/v1`. */
  readonly basePath: string
  /** The API's own words for why a turn ended, as far as it has them. */
  readonly reasons: Readonly<Partial<Record<FinishReason, string>>>
  /** Whether it counts the model's reasoning, and what it had cached. */
  readonly counts: { readonly reasoning: boolean; readonly cached: boolean }
  /** The API's own words for what goes wrong. */
  readonly refusals: Refusals
  isAnswerPath(path: string): boolean
  /** What it answers to a request that asks no model for an answer; undefined where it has no such path. */
  lookUp(request: ReceivedRequest, models: readonly string[]): object | undefined
  read(request: ReceivedRequest): WireRequest
  /** The body of a refusal. */
  refusalBody(error: WireError): object
  usage(counts: TokenCounts): object
  /** A payload as one piece of the streamed body. */
  frame(payload: string): string
  begin(model: string): WireAnswer
}

/** One answer, written step by step: what each step returns is to be sent, in this order. */
export interface WireAnswer {
  /** What the API wants back with this turn in later requests, as far as it was sent: signatures and ids, in order. */
  readonly wantedBack: readonly string[]
  text(text: string): string
  reasoning(text: string): string
  /** In pieces, to be sent one by one. */
  toolCall(call: WireToolCall): readonly string[]
  finish(reason: string, usage: object | null): readonly string[]
  error(error: WireError): string
}

export interface WireToolCall {
  readonly id: string
  readonly name: string
  readonly arguments: string
  /** The call's place in the answer, where the API tells it and a test wants another than the next. */
  readonly index?: number | undefined
}

/** The fields of the API's own error object. */
export type WireError = Readonly<Record<string, unknown>>

export interface WireRefusal {
  readonly status: number
  readonly error: WireError
}

export interface Refusals {
  readonly badKey: WireRefusal
  readonly rateLimited: WireRefusal
  readonly quotaSpent: WireRefusal
  readonly contextOverflow: WireRefusal
  readonly serverError: WireRefusal
  readonly unavailable: WireRefusal
  readonly overloaded: WireRefusal
}

export interface TokenCounts {
  readonly inputTokens: number
  readonly outputTokens: number
  readonly reasoningTokens: number
  readonly cachedInputTokens: number
}

export interface ReceivedRequest {
  readonly method: string
  /** With its query. */
  readonly path: string
  readonly headers: IncomingHttpHeaders
  /** undefined where there was none. */
  readonly body: unknown
}

/** What a request asks, in the same words for every API. */
export interface WireRequest {
  readonly model: string
  readonly instructions: string
  /** Texts joined; an assistant's turn without its reasoning. */
  readonly turns: readonly WireTurn[]
  readonly tools: readonly WireTool[]
  /** `auto`, `none`, `required`, a tool's name, or null where nothing is said. */
  readonly toolChoice: string | null
  readonly temperature: number | null
  readonly maxOutputTokens: number | null
  /** As base64. */
  readonly images: readonly { readonly mediaType: string; readonly data: string }[]
  /** What the API refuses in it. */
  readonly problems: readonly string[]
}

export interface WireTurn {
  readonly role: 'user' | 'assistant' | 'tool'
  readonly text: string
}

export interface WireTool {
  readonly name: string
  readonly description: string | undefined
  readonly inputSchema: unknown
}

/** A text's vector in every scripted model: what tells texts and their order apart. */
export function vectorOf(text: string): readonly number[] {
  return [text.length, text.charCodeAt(0) / 65_536, 0.5, -1]
}

/** The halves of a call's arguments. */
export function halves(text: string): readonly [string, string] {
  const half = text.length >> 1
  return [text.slice(0, half), text.slice(half)]
}

/** Server-sent events with nothing but data. */
export const dataFrame = (payload: string): string => `data: ${payload}\n\n`

/** Server-sent events that are named by their payload's type. */
export const typedFrame = (payload: { readonly type: string }): string =>
  `event: ${payload.type}\ndata: ${JSON.stringify(payload)}\n\n`

/** Every call's result stands right behind the turn that asked, once; `steps` are turns with the ids in them. */
export function resultProblems(
  steps: readonly { readonly calls: readonly string[]; readonly results: readonly string[] }[],
): readonly string[] {
  const problems: string[] = []
  const seen = new Set<string>()
  steps.forEach(({ calls, results }, index) => {
    for (const id of calls) if (seen.has(id)) problems.push(`the call id ${id} twice`)
    for (const id of calls) seen.add(id)
    if (calls.length > 0 && index === steps.length - 1) problems.push(`the last turn asks for ${calls.join()}`)
    const asked = index === 0 ? [] : (steps[index - 1]?.calls ?? [])
    if ([...asked].sort().join() !== [...results].sort().join())
      problems.push(`turn ${index} brings results of '${results.join()}' where '${asked.join()}' were asked for`)
  })
  return problems
}
