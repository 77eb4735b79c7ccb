import { isJsonObject } from '../platform/json.ts'
import { EventBatch } from './event-batch.ts'
import type { FinishReason, ModelEvent } from './model-event.ts'
import { type ResponsesData, type Section, sectionBreak, writeData } from './openai-responses-data.ts'
import {
  type OutputItem,
  parseResponsesEvent,
  type ResponsesEvent,
  textsOf,
  toResponsesUsage,
} from './openai-responses-event.ts'
import { OpenItem } from './openai-responses-item.ts'
import { type Keeping, KeptEnd } from './openai-responses-kept.ts'
import { maxArgumentsLength, maxToolCalls } from './openai-tool-calls.ts'
import type { StreamFailure, TurnReader } from './turn-stream.ts'
import type { Usage } from './usage.ts'

type Place = number | string

/** One model turn of a Responses stream: takes the payloads of its events and gives what they mean. */
export class ResponsesTurn implements TurnReader {
  failure: StreamFailure | undefined
  isDone = false
  readonly #batch = new EventBatch()
  readonly #end: KeptEnd
  /** The items that have begun and not ended, by their place. */
  readonly #open = new Map<Place, OpenItem>()
  /** The reasoning item that ended last, while nothing came after it. */
  #reasoning: { readonly place: Place; readonly id: string } | null = null
  #argumentsLength = 0
  #calls = 0
  #reason: FinishReason = 'other'
  #rawReason: string | null = null
  #usage: Usage | null = null

  constructor(keeping: Keeping) {
    this.#end = new KeptEnd(this.#batch, keeping)
  }

  /** The last event says all: why the model ended, and what it took. */
  get isAnswered(): boolean {
    return this.isDone
  }

  push(payloads: readonly string[]): readonly ModelEvent[] {
    for (const payload of payloads) {
      if (this.isDone || this.failure) break
      // The terminator of other APIs, which some servers send after the last event.
      if (payload !== '[DONE]') this.#parse(payload)
    }
    if (this.failure) this.#end.release()
    return this.#batch.take({ last: this.isDone || this.failure !== undefined })
  }

  finish(): readonly ModelEvent[] {
    // Some servers never say that a call has ended.
    for (const [place, open] of this.#open) if (open.item.type === 'function_call') this.#close(place, open)
    this.#end.finish(this.#rawReason === 'completed')
    const isAsking = this.#calls > 0 && this.#reason === 'stop'
    const reason = isAsking ? 'tool-calls' : this.#reason
    this.#batch.add({ type: 'turn-finished', reason, rawReason: this.#rawReason, usage: this.#usage })
    return this.#batch.take({ last: true })
  }

  #parse(payload: string): void {
    let event: ResponsesEvent | null
    try {
      event = parseResponsesEvent(payload)
    } catch (cause) {
      this.failure = { type: 'malformed', detail: 'an event is no JSON', cause }
      return
    }
    if (event) this.#take(event)
  }

  #take(event: ResponsesEvent): void {
    switch (event.type) {
      case 'response.output_text.delta':
      case 'response.refusal.delta':
        this.#text(this.#itemAt(event, 'message'), event.delta, event.type === 'response.refusal.delta')
        return
      case 'response.reasoning_summary_text.delta':
        this.#thought(this.#itemAt(event, 'reasoning'), 'summary_text', event.summary_index, event.delta)
        return
      case 'response.reasoning_text.delta':
        this.#thought(this.#itemAt(event, 'reasoning'), 'reasoning_text', event.content_index, event.delta)
        return
      case 'response.function_call_arguments.delta':
        this.#arguments(this.#itemAt(event, 'function_call'), event.delta)
        return
      case 'response.function_call_arguments.done': {
        const open = this.#itemAt(event, 'function_call')
        if (open.pieces.length === 0) this.#arguments(open, event.arguments)
        return
      }
      case 'response.created':
        if (isJsonObject(event.response)) this.#end.responseId = event.response.id
        return
      case 'response.output_item.added':
        if (isJsonObject(event.item)) this.#begin(placeOf(event), event.item)
        return
      case 'response.output_item.done': {
        if (!isJsonObject(event.item)) return
        const open = this.#itemAt(event, event.item.type)
        open.item = { ...event.item }
        this.#close(placeOf(event), open)
        return
      }
      case 'response.completed':
      case 'response.incomplete':
        this.#complete(event.type, isJsonObject(event.response) ? event.response : {})
        return
      case 'response.failed':
      case 'error': {
        const { error } = isJsonObject(event.response) ? event.response : event
        this.failure = { type: 'provider-error', error: error ?? event }
        return
      }
      // Progress, ends that `output_item.done` tells too, and tools that run at the provider.
      default:
    }
  }

  #itemAt(event: ResponsesEvent, type: unknown): OpenItem {
    const place = placeOf(event)
    return this.#open.get(place) ?? this.#begin(place, { type })
  }

  #begin(place: Place, item: OutputItem): OpenItem {
    const open = new OpenItem(item)
    this.#open.set(place, open)
    if (this.#open.size > maxToolCalls) this.failure = { type: 'malformed', detail: 'too many items are open' }
    return open
  }

  #text(open: OpenItem, text: unknown, isRefusal = false): void {
    if (typeof text !== 'string' || text === '') return
    this.#end.release()
    open.textLength += text.length
    if (isRefusal) open.isRefusal = true
    this.#batch.delta('text-delta', text)
  }

  #thought(open: OpenItem, type: Section['type'], index: unknown, text: unknown): void {
    if (typeof text !== 'string' || text === '') return
    this.#end.release()
    open.textLength += text.length
    if (open.addToSection(type, index, text.length)) this.#batch.delta('reasoning-delta', sectionBreak)
    this.#batch.delta('reasoning-delta', text)
  }

  #arguments(open: OpenItem, piece: unknown): void {
    if (typeof piece !== 'string') return
    open.pieces.push(piece)
    this.#argumentsLength += piece.length
    if (this.#argumentsLength > maxArgumentsLength)
      this.failure = { type: 'malformed', detail: 'the tool calls are too large' }
  }

  #close(place: Place, open: OpenItem): void {
    this.#open.delete(place)
    const { item } = open
    const itemId = typeof item.id === 'string' && item.id !== '' ? item.id : undefined
    const before = this.#reasoning
    const isNext = before !== null && (typeof place !== 'number' || place - 1 === before.place)
    const data: ResponsesData = { itemId, after: isNext ? before.id : undefined }
    this.#reasoning = null
    switch (item.type) {
      case 'reasoning': {
        this.#thoughtsAtOnce(open)
        const { encrypted_content: content } = item
        const encryptedContent = typeof content === 'string' && content !== '' ? content : undefined
        this.#finishPart('reasoning', { ...data, encryptedContent, sections: open.sections })
        if (itemId !== undefined) this.#reasoning = { place, id: itemId }
        return
      }
      case 'message': {
        this.#textAtOnce(open)
        const phase = item.phase === 'commentary' || item.phase === 'final_answer' ? item.phase : undefined
        this.#finishPart('text', { ...data, phase, refusal: open.isRefusal || undefined })
        return
      }
      case 'function_call':
        this.#calls += 1
        if (this.#calls > maxToolCalls) this.failure = { type: 'malformed', detail: 'the tool calls are too many' }
        else this.#end.add(open.toRequest(data))
        return
      default:
    }
  }

  #finishPart(part: 'text' | 'reasoning', data: ResponsesData): void {
    this.#end.add({ type: 'part-finished', part, providerData: writeData(data) })
  }

  /** Some servers send no deltas, or not of every text. */
  #textAtOnce(open: OpenItem): void {
    if (open.textLength > 0) return
    for (const text of textsOf(open.item.content, 'output_text')) this.#text(open, text)
    for (const text of textsOf(open.item.content, 'refusal')) this.#text(open, text, true)
  }

  #thoughtsAtOnce(open: OpenItem): void {
    if (open.textLength > 0) return
    const { summary, content } = open.item
    textsOf(summary, 'summary_text').forEach((text, index) => {
      this.#thought(open, 'summary_text', index, text)
    })
    textsOf(content, 'reasoning_text').forEach((text, index) => {
      this.#thought(open, 'reasoning_text', index, text)
    })
  }

  #complete(type: 'response.completed' | 'response.incomplete', response: Record<string, unknown>): void {
    this.isDone = true
    this.#usage = toResponsesUsage(response.usage)
    this.#end.responseId ??= response.id
    const details = isJsonObject(response.incomplete_details) ? response.incomplete_details.reason : undefined
    this.#rawReason = typeof details === 'string' ? details : type.slice('response.'.length)
    this.#reason = toFinishReason(this.#rawReason)
  }
}

function placeOf({ output_index: index, item_id: id }: ResponsesEvent): Place {
  return typeof index === 'number' ? index : typeof id === 'string' ? id : ''
}

function toFinishReason(rawReason: string): FinishReason {
  switch (rawReason) {
    case 'completed':
      return 'stop'
    case 'max_output_tokens':
    case 'max_tokens':
      return 'length'
    case 'content_filter':
      return 'content-filter'
    default:
      return 'other'
  }
}
