import { newUlid } from '../platform/ids.ts'
import { sanitizeText } from '../platform/text.ts'
import { EventBatch } from './event-batch.ts'
import type { ModelEvent } from './model-event.ts'
import {
  type ChatChunk,
  type ChatDelta,
  type ChatToolCall,
  type ChatUsage,
  parseChunk,
  toFinishReason,
  toUsage,
  usageOf,
} from './openai-chunk.ts'

/** The most that the arguments of one turn's tool calls may take, in UTF-16 code units, and how many calls there may be. */
const maxArgumentsLength = 4_194_304
const maxToolCalls = 256

/** What stopped a stream: the provider's own error object, or what was wrong with what it sent. */
export type StreamFailure =
  | { readonly type: 'provider-error'; readonly error: unknown }
  | { readonly type: 'malformed'; readonly detail: string; readonly cause?: unknown }

interface PendingToolCall {
  id: string
  name: string
  readonly arguments: string[]
}

/** One model turn of a Chat Completions stream: takes the payloads of its events and gives what they mean. */
export class ChatTurn {
  /** What ended the stream too early; what `push` returned with it was sent before and counts. */
  failure: StreamFailure | undefined
  /** `[DONE]` came: nothing can follow. */
  isDone = false
  readonly #batch = new EventBatch()
  readonly #toolCalls = new Map<string, PendingToolCall>()
  #argumentsLength = 0
  #lastToolCallKey = ''
  #finishReason: string | null = null
  #usage: ChatUsage | null = null

  /** A finish reason or `[DONE]` came: a stream that ends now is whole. */
  get isAnswered(): boolean {
    return this.isDone || this.#finishReason !== null
  }

  push(payloads: readonly string[]): readonly ModelEvent[] {
    for (const payload of payloads) {
      if (this.isDone || this.failure) break
      if (payload === '[DONE]') this.isDone = true
      else this.#take(payload)
    }
    return this.#batch.take({ last: this.isDone || this.failure !== undefined })
  }

  /** The turn's last events. */
  finish(): readonly ModelEvent[] {
    for (const call of this.#toolCalls.values()) {
      this.#batch.add({
        type: 'tool-call-requested',
        callId: call.id,
        name: call.name,
        arguments: sanitizeText(call.arguments.join('')),
      })
    }
    const reason = toFinishReason(this.#finishReason)
    this.#batch.add({
      type: 'turn-finished',
      // Some servers say `stop` also where they ask for a tool.
      reason: this.#toolCalls.size > 0 && (reason === 'stop' || reason === 'other') ? 'tool-calls' : reason,
      rawReason: this.#finishReason,
      usage: this.#usage === null ? null : toUsage(this.#usage),
    })
    return this.#batch.take({ last: true })
  }

  #take(payload: string): void {
    let chunk: ChatChunk | null
    try {
      chunk = parseChunk(payload)
    } catch (cause) {
      this.failure = { type: 'malformed', detail: 'a chunk is no JSON', cause }
      return
    }
    if (chunk === null) return
    if (chunk.error != null || chunk.object === 'error') {
      this.failure = { type: 'provider-error', error: chunk.error ?? chunk }
      return
    }
    this.#usage = usageOf(chunk) ?? this.#usage
    const choice = chunk.choices?.[0]
    if (choice == null || (choice.index ?? 0) !== 0) return
    if (choice.delta) this.#takeDelta(choice.delta)
    if (typeof choice.finish_reason === 'string' && choice.finish_reason !== '')
      this.#finishReason = choice.finish_reason
  }

  #takeDelta(delta: ChatDelta): void {
    // Servers that send both send the same in both.
    const reasoning = delta.reasoning_content ?? delta.reasoning
    if (typeof reasoning === 'string') this.#batch.delta('reasoning-delta', reasoning)
    if (typeof delta.content === 'string') this.#batch.delta('text-delta', delta.content)
    // A refusal is what the model says instead of an answer.
    if (typeof delta.refusal === 'string') this.#batch.delta('text-delta', delta.refusal)
    if (Array.isArray(delta.tool_calls)) for (const call of delta.tool_calls) this.#takeToolCall(call)
    if (delta.function_call) this.#takeToolCall({ function: delta.function_call })
  }

  /** A new call begins with a new index, or, at servers that give none or always the same, with a new id. */
  #takeToolCall(delta: ChatToolCall | null): void {
    if (delta === null || typeof delta !== 'object') return
    const id = typeof delta.id === 'string' ? delta.id : ''
    let key = typeof delta.index === 'number' ? `index ${delta.index}` : id ? `id ${id}` : this.#lastToolCallKey
    let call = this.#toolCalls.get(key)
    if (call && id !== '' && call.id !== id) {
      key = `id ${id}`
      call = this.#toolCalls.get(key)
    } else if (call && typeof delta.index === 'number' && id === '' && this.#lastToolCallKey.startsWith('id ')) {
      key = this.#lastToolCallKey
      call = this.#toolCalls.get(key) ?? call
    }
    if (!call) {
      call = { id: id || `call_${newUlid()}`, name: '', arguments: [] }
      this.#toolCalls.set(key, call)
    }
    this.#lastToolCallKey = key
    if (call.name === '' && typeof delta.function?.name === 'string') call.name = delta.function.name
    const part = argumentsText(delta.function?.arguments)
    if (part !== '') call.arguments.push(part)
    this.#argumentsLength += part.length
    if (this.#argumentsLength > maxArgumentsLength || this.#toolCalls.size > maxToolCalls)
      this.failure = { type: 'malformed', detail: 'the tool calls are too large' }
  }
}

/** Some servers send the arguments as the object itself. */
function argumentsText(value: unknown): string {
  if (typeof value === 'string') return value
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : ''
}
