import { newUlid } from '../platform/ids.ts'
import { isJsonObject, type JsonObject } from '../platform/json.ts'
import { sanitizeText } from '../platform/text.ts'
import { isServerToolBlock, storableObject, unsignedReasoning } from './anthropic-data.ts'
import {
  laterUsage,
  type MessagesEvent,
  type MessagesUsage,
  parseEvent,
  toFinishReason,
  toUsage,
} from './anthropic-event.ts'
import { EventBatch } from './event-batch.ts'
import { argumentsObject } from './history.ts'
import type { ModelEvent } from './model-event.ts'
import type { StreamFailure, TurnReader } from './turn-stream.ts'

/** The most that is held of a turn beside its text (arguments, signatures, results), in UTF-16 code units. */
const maxHeldLength = 4_194_304
/** What one block of the API's own tools may take to be kept, in UTF-16 code units. */
const maxServerToolLength = 262_144
const maxBlocks = 4_096

type OpenBlock =
  | { readonly type: 'text'; readonly citations: JsonObject[] }
  | { readonly type: 'thinking'; signature: string }
  | { readonly type: 'redacted_thinking'; readonly data: string }
  | { readonly type: 'tool_use'; readonly id: string; readonly name: string; input: string; json: string[] }
  | { readonly type: 'server-tool'; readonly block: JsonObject; json: string[] }

/** One model turn of a Messages stream: takes the payloads of its events and gives what they mean. */
export class MessagesTurn implements TurnReader {
  failure: StreamFailure | undefined
  isDone = false
  readonly #model: string
  readonly #batch = new EventBatch()
  readonly #blocks = new Map<unknown, OpenBlock>()
  /** What the newest deltas are part of, until that part is finished or another begins. */
  #open: 'text' | 'reasoning' | null = null
  #blockCount = 0
  #heldLength = 0
  #hasToolCalls = false
  #stopReason: string | null = null
  #usage: MessagesUsage | null = null

  constructor(model: string) {
    this.#model = model
  }

  get isAnswered(): boolean {
    return this.isDone || this.#stopReason !== null
  }

  push(payloads: readonly string[]): readonly ModelEvent[] {
    for (const payload of payloads) {
      if (this.isDone || this.failure) break
      this.#take(payload)
    }
    return this.#batch.take({ last: this.isDone || this.failure !== undefined })
  }

  finish(): readonly ModelEvent[] {
    for (const index of [...this.#blocks.keys()]) this.#finishBlock(index)
    const reason = toFinishReason(this.#stopReason)
    this.#batch.add({
      type: 'turn-finished',
      // Some compatible servers say `end_turn` also where they ask for a tool.
      reason: this.#hasToolCalls && (reason === 'stop' || reason === 'other') ? 'tool-calls' : reason,
      rawReason: this.#stopReason,
      usage: this.#usage === null ? null : toUsage(this.#usage),
    })
    return this.#batch.take({ last: true })
  }

  #take(payload: string): void {
    let event: MessagesEvent | null
    try {
      event = parseEvent(payload)
    } catch (cause) {
      this.failure = { type: 'malformed', detail: 'an event is no JSON', cause }
      return
    }
    if (event === null) return
    if (event.error != null || event.type === 'error') {
      this.failure = { type: 'provider-error', error: event.error ?? event }
      return
    }
    switch (event.type) {
      case 'message_start':
        if (isJsonObject(event.message)) this.#takeUsage(event.message.usage)
        return
      case 'content_block_start':
        if (isJsonObject(event.content_block)) this.#start(event.index, event.content_block)
        return
      case 'content_block_delta':
        if (isJsonObject(event.delta)) this.#takeDelta(event.index, event.delta)
        return
      case 'content_block_stop':
        this.#finishBlock(event.index)
        return
      case 'message_delta': {
        const stopReason = event.delta?.stop_reason
        if (typeof stopReason === 'string' && stopReason !== '') this.#stopReason = stopReason
        this.#takeUsage(event.usage)
        return
      }
      case 'message_stop':
        this.isDone = true
        return
      default:
      // `ping`, and what later versions of the API will add.
    }
  }

  #takeUsage(usage: unknown): void {
    if (isJsonObject(usage)) this.#usage = laterUsage(this.#usage, usage)
  }

  #start(index: unknown, block: Readonly<Record<string, unknown>>): void {
    this.#finishBlock(index)
    this.#blockCount += 1
    if (this.#blockCount > maxBlocks) this.failure = { type: 'malformed', detail: 'the answer has too many blocks' }
    const { type } = block
    if (type === 'text') {
      this.#begin('text')
      this.#blocks.set(index, { type, citations: [] })
      this.#takeText('text', block.text)
    } else if (type === 'thinking') {
      this.#begin('reasoning')
      this.#blocks.set(index, { type, signature: text(block.signature) })
      this.#takeText('reasoning', block.thinking)
    } else if (type === 'redacted_thinking') {
      this.#blocks.set(index, { type, data: this.#hold(text(block.data)) })
    } else if (type === 'tool_use') {
      // Empty where the arguments follow in deltas.
      const input = this.#hold(JSON.stringify(storableObject(block.input) ?? {}))
      this.#blocks.set(index, { type, id: text(block.id), name: text(block.name), input, json: [] })
    } else if (typeof type === 'string' && isServerToolBlock(type)) {
      const kept = storableObject(block)
      const size = JSON.stringify(kept).length
      if (kept === null || size > maxServerToolLength) return
      this.#heldLength += size
      this.#blocks.set(index, { type: 'server-tool', block: kept, json: [] })
    }
  }

  #takeDelta(index: unknown, delta: Readonly<Record<string, unknown>>): void {
    const block = this.#blocks.get(index)
    switch (delta.type) {
      case 'text_delta':
        this.#takeText('text', delta.text)
        return
      case 'thinking_delta':
        this.#takeText('reasoning', delta.thinking)
        return
      case 'signature_delta':
        if (block?.type === 'thinking') block.signature += this.#hold(text(delta.signature))
        return
      case 'input_json_delta':
        if (block?.type === 'tool_use' || block?.type === 'server-tool')
          block.json.push(this.#hold(typeof delta.partial_json === 'string' ? delta.partial_json : ''))
        return
      case 'citations_delta':
        if (block?.type === 'text') this.#takeCitation(block.citations, storableObject(delta.citation))
        return
      default:
    }
  }

  #takeText(part: 'text' | 'reasoning', value: unknown): void {
    if (typeof value !== 'string' || value === '') return
    this.#batch.delta(part === 'text' ? 'text-delta' : 'reasoning-delta', value)
    this.#open = part
  }

  /** Citations of a request's own documents name them by their place, which a later request need not have. */
  #takeCitation(citations: JsonObject[], citation: JsonObject | null): void {
    if (citation?.type !== 'web_search_result_location') return
    this.#hold(JSON.stringify(citation))
    citations.push(citation)
  }

  /** A part of its own begins: an earlier one of its type, which nothing has finished, ends here. */
  #begin(part: 'text' | 'reasoning'): void {
    if (this.#open !== part) return
    this.#finishPart(part, part === 'text' ? { kind: 'anthropic', type: 'text' } : unsignedReasoning)
  }

  #finishPart(part: 'text' | 'reasoning', providerData: JsonObject): void {
    this.#batch.add({ type: 'part-finished', part, providerData })
    this.#open = null
  }

  #finishBlock(index: unknown): void {
    const block = this.#blocks.get(index)
    if (!block) return
    this.#blocks.delete(index)
    const own = { kind: 'anthropic', type: block.type, model: this.#model }
    switch (block.type) {
      case 'text': {
        const { citations } = block
        if (citations.length > 0) this.#finishPart('text', { kind: 'anthropic', type: 'text', citations })
        return
      }
      case 'thinking':
        if (block.signature !== '') this.#finishPart('reasoning', { ...own, signature: block.signature })
        return
      case 'redacted_thinking':
        this.#begin('reasoning')
        if (block.data !== '') this.#finishPart('reasoning', { ...own, data: block.data })
        return
      case 'tool_use':
        this.#hasToolCalls = true
        this.#open = null
        this.#batch.add({
          type: 'tool-call-requested',
          callId: block.id || `call_${newUlid()}`,
          name: block.name,
          arguments: sanitizeText(block.json.join('')) || block.input,
          providerData: null,
        })
        return
      case 'server-tool': {
        this.#begin('text')
        const json = block.json.join('')
        const whole = json === '' ? block.block : { ...block.block, input: storableObject(argumentsObject(json)) ?? {} }
        this.#finishPart('text', { kind: 'anthropic', type: block.type, block: whole })
        return
      }
    }
  }

  #hold(value: string): string {
    this.#heldLength += value.length
    if (this.#heldLength > maxHeldLength) this.failure = { type: 'malformed', detail: 'the tool calls are too large' }
    return value
  }
}

function text(value: unknown): string {
  return typeof value === 'string' ? sanitizeText(value) : ''
}
