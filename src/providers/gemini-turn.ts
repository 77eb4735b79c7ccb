import type { Candidate, FunctionCall, Part } from '@google/genai'
import { newUlid } from '../platform/ids.ts'
import { isJsonObject } from '../platform/json.ts'
import { sanitizeText } from '../platform/text.ts'
import { EventBatch } from './event-batch.ts'
import { GeminiCall } from './gemini-call.ts'
import {
  blockReasonOf,
  candidateOf,
  type GeminiChunk,
  type GeminiUsage,
  latestUsage,
  parseChunks,
  partsOf,
  toFinishReason,
  toUsage,
} from './gemini-chunk.ts'
import { toProviderData } from './gemini-data.ts'
import type { ModelEvent } from './model-event.ts'
import type { StreamFailure, TurnReader } from './turn-stream.ts'

/** The most that one turn's arguments and signatures may take, in UTF-16 code units, and how many calls there may be. */
const maxKeptLength = 4_194_304
const maxToolCalls = 256
const maxIdLength = 256

type TextKind = 'text' | 'reasoning'

/**
 * One model turn of a Gemini stream: takes the payloads of its events and gives what they mean. The stream has no
 * terminator: it is whole when it ends after a finish reason. Parts that are neither text nor a function call (images,
 * code that Google runs, its own tools' calls) are left out: nothing here asks for them.
 */
export class GeminiTurn implements TurnReader {
  failure: StreamFailure | undefined
  isDone = false
  readonly #toolNames: ReadonlyMap<string, string>
  readonly #batch = new EventBatch()
  #usage: GeminiUsage | null = null
  #finishReason: string | null = null
  /** The kind of the text without a signature that came since the last other part. */
  #open: TextKind | null = null
  /** The call whose end has not come. */
  #call: GeminiCall | null = null
  #callCount = 0
  #keptLength = 0

  /** `toolNames`: the tools' own names by the names under which the API knows them, where they differ. */
  constructor(toolNames: ReadonlyMap<string, string> = new Map()) {
    this.#toolNames = toolNames
  }

  get isAnswered(): boolean {
    return this.#finishReason !== null
  }

  push(payloads: readonly string[]): readonly ModelEvent[] {
    for (const payload of payloads) {
      if (this.isDone || this.failure) break
      // Google sends none; gateways that speak several protocols do.
      if (payload === '[DONE]') this.isDone = this.isAnswered
      else this.#takePayload(payload)
    }
    return this.#batch.take({ last: this.isDone || this.failure !== undefined })
  }

  finish(): readonly ModelEvent[] {
    // A model that stopped of its own accord had said all of its last call; one that was cut off had not.
    if (this.#finishReason === 'STOP') this.#endCall()
    this.#batch.add({
      type: 'turn-finished',
      reason: toFinishReason(this.#finishReason, { hasCalls: this.#callCount > 0 }),
      rawReason: this.#finishReason,
      usage: toUsage(this.#usage),
    })
    return this.#batch.take({ last: true })
  }

  #takePayload(payload: string): void {
    let chunks: readonly GeminiChunk[]
    try {
      chunks = parseChunks(payload)
    } catch (cause) {
      this.failure = { type: 'malformed', detail: 'a chunk is no JSON', cause }
      return
    }
    for (const chunk of chunks) if (!this.failure) this.#take(chunk)
  }

  #take(chunk: GeminiChunk): void {
    if (chunk.error != null) {
      this.failure = { type: 'provider-error', error: chunk.error }
      return
    }
    this.#usage = latestUsage(this.#usage, chunk)
    const candidate = candidateOf(chunk)
    if (candidate) this.#takeCandidate(candidate)
    const blockReason = candidate ? null : blockReasonOf(chunk)
    if (blockReason === null) return
    const message = `The prompt was blocked (${blockReason}).`
    this.failure = { type: 'provider-error', error: { code: 'content_filter', type: blockReason, message } }
  }

  #takeCandidate(candidate: Candidate): void {
    for (const part of partsOf(candidate)) {
      this.#takePart(part)
      if (this.failure) return
    }
    const reason: unknown = candidate.finishReason
    if (typeof reason === 'string' && reason !== '') this.#finishReason = sanitizeText(reason)
  }

  #takePart(part: Part): void {
    const { text, thought, functionCall } = part
    const signature = typeof part.thoughtSignature === 'string' ? sanitizeText(part.thoughtSignature) : ''
    if (isJsonObject(functionCall)) this.#takeCall(functionCall, signature || undefined)
    else if (typeof text === 'string') this.#takeText(thought === true ? 'reasoning' : 'text', text, signature)
  }

  #takeText(kind: TextKind, text: string, signature: string): void {
    if (text === '' && signature === '') return
    this.#endCall()
    // A signature holds for its own part: what came before it without one must not become a part of that.
    if (signature !== '' && this.#open === kind) this.#endPart(kind)
    this.#batch.delta(`${kind}-delta`, text)
    if (signature === '') this.#open = kind
    else this.#endPart(kind, signature)
  }

  #endPart(part: TextKind, thoughtSignature?: string): void {
    this.#batch.add({ type: 'part-finished', part, providerData: toProviderData({ thoughtSignature }) })
    this.#open = null
    this.#keep(thoughtSignature?.length ?? 0)
  }

  #takeCall(call: FunctionCall, thoughtSignature: string | undefined): void {
    const isNew =
      typeof call.name === 'string' && call.name !== '' && (call.id === undefined || call.id !== this.#call?.id)
    if (isNew) this.#endCall()
    // What names no function and continues no call is the end of one that has ended.
    if (this.#call === null && !isNew) return
    this.#call ??= new GeminiCall()
    this.#keep(this.#call.add(call, thoughtSignature))
    if (call.willContinue !== true) this.#endCall()
  }

  #endCall(): void {
    const call = this.#call
    if (call === null) return
    this.#call = null
    this.#open = null
    this.#callCount += 1
    const id = call.id !== undefined && call.id.length <= maxIdLength ? sanitizeText(call.id) : undefined
    const { thoughtSignature } = call
    this.#batch.add({
      type: 'tool-call-requested',
      callId: id ?? `call_${newUlid()}`,
      name: sanitizeText(this.#toolNames.get(call.name) ?? call.name),
      arguments: sanitizeText(call.arguments),
      providerData:
        id === undefined && thoughtSignature === undefined ? null : toProviderData({ thoughtSignature, id }),
    })
    this.#keep(0)
  }

  /** Counts what the turn holds; each part costs something of itself. */
  #keep(length: number): void {
    this.#keptLength += length + 64
    if (this.#keptLength > maxKeptLength || this.#callCount > maxToolCalls)
      this.failure = { type: 'malformed', detail: 'the tool calls and signatures are too large' }
  }
}
