import { EventBatch } from './event-batch.ts'
import type { ModelEvent } from './model-event.ts'
import { AgentReader } from './openai-agent.ts'
import {
  type ChatChunk,
  type ChatDelta,
  type ChatUsage,
  parseChunk,
  toFinishReason,
  toUsage,
  usageOf,
} from './openai-chunk.ts'
import { ReasoningReader } from './openai-reasoning.ts'
import { ToolCallAssembly } from './openai-tool-calls.ts'
import type { StreamFailure, TurnReader } from './turn-stream.ts'

/** One model turn of a Chat Completions stream: takes the payloads of its events and gives what they mean. */
export class ChatTurn implements TurnReader {
  failure: StreamFailure | undefined
  isDone = false
  readonly #batch = new EventBatch()
  readonly #toolCalls = new ToolCallAssembly()
  readonly #reasoning = new ReasoningReader()
  readonly #agent: AgentReader
  #finishReason: string | null = null
  #usage: ChatUsage | null = null

  /** `conversationId`: what the request named; `secrets`: what no error may hold. */
  constructor({ conversationId, secrets }: { conversationId: string | null; secrets: readonly string[] }) {
    this.#agent = new AgentReader(conversationId, secrets)
  }

  get isAnswered(): boolean {
    return this.isDone || this.#finishReason !== null || this.#agent.isInterrupted
  }

  push(payloads: readonly string[]): readonly ModelEvent[] {
    for (const payload of payloads) {
      if (this.isDone || this.failure) break
      if (payload === '[DONE]') this.isDone = true
      else this.#take(payload)
    }
    return this.#batch.take({ last: this.isDone || this.failure !== undefined })
  }

  finish(): readonly ModelEvent[] {
    this.#endReasoning()
    const usage = this.#usage === null ? null : toUsage(this.#usage)
    if (this.#agent.isInterrupted) {
      this.#batch.add({ type: 'turn-finished', reason: 'interrupted', rawReason: 'interrupted', usage })
      return this.#batch.take({ last: true })
    }
    for (const request of this.#toolCalls.requests()) this.#batch.add(request)
    const reason = toFinishReason(this.#finishReason)
    this.#batch.add({
      type: 'turn-finished',
      // Some servers say `stop` also where they ask for a tool.
      reason: this.#toolCalls.size > 0 && (reason === 'stop' || reason === 'other') ? 'tool-calls' : reason,
      rawReason: this.#finishReason,
      usage,
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
    const changed = this.#agent.take(chunk)
    if (changed) this.#batch.add(changed)
    if (chunk.error != null || chunk.object === 'error') {
      this.failure = { type: 'provider-error', error: this.#agent.failure ?? chunk.error ?? chunk }
      return
    }
    this.#usage = usageOf(chunk) ?? this.#usage
    const choice = chunk.choices?.[0]
    if (choice != null && (choice.index ?? 0) === 0) {
      if (choice.delta) this.#takeDelta(choice.delta)
      if (typeof choice.finish_reason === 'string' && choice.finish_reason !== '')
        this.#finishReason = choice.finish_reason
    }
    if (this.#agent.failure) this.failure = { type: 'provider-error', error: this.#agent.failure }
  }

  #takeDelta(delta: ChatDelta): void {
    this.#batch.delta('reasoning-delta', this.#reasoning.take(delta))
    if (Array.isArray(delta.content)) for (const part of delta.content) this.#takePart(part)
    this.#text(delta.content)
    // A refusal is what the model says instead of an answer.
    this.#text(delta.refusal)
    if (Array.isArray(delta.tool_calls)) for (const call of delta.tool_calls) this.#toolCalls.take(call)
    if (delta.function_call) this.#toolCalls.take({ function: delta.function_call })
    if (this.#toolCalls.isTooLarge) this.failure = { type: 'malformed', detail: 'the tool calls are too large' }
  }

  /** Mistral's reasoning models send their content in parts: `text`, and `thinking` with parts of its own. */
  #takePart(part: { type?: unknown; text?: unknown; thinking?: unknown } | null): void {
    if (part?.type === 'text') this.#text(part.text)
    if (part?.type !== 'thinking' || !Array.isArray(part.thinking)) return
    for (const thought of part.thinking)
      if (typeof thought?.text === 'string') this.#batch.delta('reasoning-delta', thought.text)
  }

  #text(text: unknown): void {
    if (typeof text !== 'string' || text === '') return
    this.#endReasoning()
    this.#batch.delta('text-delta', text)
  }

  #endReasoning(): void {
    const providerData = this.#reasoning.finish()
    if (providerData) this.#batch.add({ type: 'part-finished', part: 'reasoning', providerData })
  }
}
