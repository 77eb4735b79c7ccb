import { newUlid } from '../platform/ids.ts'
import { isJsonObject } from '../platform/json.ts'
import { sanitizeText } from '../platform/text.ts'
import { EventBatch } from './event-batch.ts'
import type { FinishReason, ModelEvent } from './model-event.ts'
import type { StreamFailure, TurnReader } from './turn-stream.ts'
import type { Usage } from './usage.ts'

/** The most that the arguments of one turn's tool calls may take, in UTF-16 code units, and how many calls there may be. */
const maxArgumentsLength = 4_194_304
const maxToolCalls = 256

/** One model turn of Ollama's `/api/chat`: takes its lines and gives what they mean. */
export class OllamaTurn implements TurnReader {
  failure: StreamFailure | undefined
  /** The line that says why the turn ended is the last. */
  isDone = false
  readonly #batch = new EventBatch()
  #toolCalls = 0
  #argumentsLength = 0
  #doneReason: string | null = null
  #usage: Usage | null = null

  get isAnswered(): boolean {
    return this.isDone
  }

  push(payloads: readonly string[]): readonly ModelEvent[] {
    for (const payload of payloads) {
      if (this.isDone || this.failure) break
      this.#take(payload)
    }
    return this.#batch.take({ last: this.isDone || this.failure !== undefined })
  }

  finish(): readonly ModelEvent[] {
    const reason = toFinishReason(this.#doneReason)
    this.#batch.add({
      type: 'turn-finished',
      // Ollama says `stop` also where the model asks for a tool.
      reason: this.#toolCalls > 0 && reason === 'stop' ? 'tool-calls' : reason,
      rawReason: this.#doneReason,
      usage: this.#usage,
    })
    return this.#batch.take({ last: true })
  }

  #take(payload: string): void {
    let line: unknown
    try {
      line = JSON.parse(payload)
    } catch (cause) {
      this.failure = { type: 'malformed', detail: 'a line is no JSON', cause }
      return
    }
    if (!isJsonObject(line)) return
    if (line.error != null) {
      this.failure = { type: 'provider-error', error: line.error }
      return
    }
    if (isJsonObject(line.message)) this.#takeMessage(line.message)
    if (line.done !== true || this.failure) return
    this.isDone = true
    if (typeof line.done_reason === 'string' && line.done_reason !== '') this.#doneReason = line.done_reason
    this.#usage = toUsage(line)
  }

  #takeMessage({ thinking, content, tool_calls }: Record<string, unknown>): void {
    if (typeof thinking === 'string') this.#batch.delta('reasoning-delta', thinking)
    if (typeof content === 'string') this.#batch.delta('text-delta', content)
    if (Array.isArray(tool_calls)) for (const call of tool_calls) this.#takeToolCall(call)
  }

  /** A call comes whole; older servers give it no id. */
  #takeToolCall(call: unknown): void {
    if (!isJsonObject(call) || !isJsonObject(call.function)) return
    const { name, arguments: given } = call.function
    const text = typeof given === 'string' ? given : JSON.stringify(given ?? {})
    this.#toolCalls += 1
    this.#argumentsLength += text.length
    if (this.#argumentsLength > maxArgumentsLength || this.#toolCalls > maxToolCalls) {
      this.failure = { type: 'malformed', detail: 'the tool calls are too large' }
      return
    }
    this.#batch.add({
      type: 'tool-call-requested',
      callId: typeof call.id === 'string' && call.id !== '' ? sanitizeText(call.id) : `call_${newUlid()}`,
      name: typeof name === 'string' ? sanitizeText(name) : '',
      arguments: sanitizeText(text),
      providerData: null,
    })
  }
}

/** Servers before 0.1.40 give no reason; `load` and `unload` answer a request without messages. */
function toFinishReason(doneReason: string | null): FinishReason {
  switch (doneReason) {
    case null:
    case 'stop':
      return 'stop'
    case 'length':
      return 'length'
    default:
      return 'other'
  }
}

/** A count of 0 is left out; older servers also leave out the prompt's where they had all of it cached. */
function toUsage({ prompt_eval_count, eval_count }: Record<string, unknown>): Usage | null {
  if (!isCount(prompt_eval_count)) return null
  return {
    inputTokens: prompt_eval_count,
    outputTokens: isCount(eval_count) ? eval_count : 0,
    reasoningTokens: 0,
    cachedInputTokens: 0,
    estimated: false,
  }
}

export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
