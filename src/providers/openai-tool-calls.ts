import { newUlid } from '../platform/ids.ts'
import { isJsonObject, type JsonObject } from '../platform/json.ts'
import { sanitizeText } from '../platform/text.ts'
import type { ToolCallRequested } from './model-event.ts'
import type { ChatToolCall } from './openai-chunk.ts'
import { writeData } from './openai-data.ts'

/** The most that the arguments of one turn's tool calls may take, in UTF-16 code units, and how many calls there may be. */
export const maxArgumentsLength = 4_194_304
export const maxToolCalls = 256

interface PendingToolCall {
  id: string
  name: string
  readonly arguments: string[]
  extraContent: JsonObject | undefined
}

/** The tool calls of one Chat Completions turn, put together from their pieces. */
export class ToolCallAssembly {
  isTooLarge = false
  readonly #calls = new Map<string, PendingToolCall>()
  #length = 0
  #lastKey = ''

  get size(): number {
    return this.#calls.size
  }

  /** A new call begins with a new index, or, at servers that give none or always the same, with a new id. */
  take(delta: ChatToolCall | null): void {
    if (delta === null || typeof delta !== 'object' || this.isTooLarge) return
    const id = typeof delta.id === 'string' ? delta.id : ''
    let key = typeof delta.index === 'number' ? `index ${delta.index}` : id ? `id ${id}` : this.#lastKey
    let call = this.#calls.get(key)
    if (call && id !== '' && call.id !== id) {
      key = `id ${id}`
      call = this.#calls.get(key)
    } else if (call && typeof delta.index === 'number' && id === '' && this.#lastKey.startsWith('id ')) {
      key = this.#lastKey
      call = this.#calls.get(key) ?? call
    }
    if (!call) {
      call = { id: id || `call_${newUlid()}`, name: '', arguments: [], extraContent: undefined }
      this.#calls.set(key, call)
    }
    this.#lastKey = key
    if (call.name === '' && typeof delta.function?.name === 'string') call.name = delta.function.name
    const piece = argumentsText(delta.function?.arguments)
    if (piece !== '') call.arguments.push(piece)
    this.#length += piece.length
    if (isJsonObject(delta.extra_content)) {
      call.extraContent = delta.extra_content as JsonObject
      this.#length += JSON.stringify(delta.extra_content).length
    }
    this.isTooLarge = this.#length > maxArgumentsLength || this.#calls.size > maxToolCalls
  }

  /** The calls, whole, in the model's order. */
  requests(): readonly ToolCallRequested[] {
    return [...this.#calls.values()].map(({ id, name, arguments: pieces, extraContent }) => ({
      type: 'tool-call-requested',
      callId: sanitizeText(id),
      name: sanitizeText(name),
      arguments: sanitizeText(pieces.join('')),
      providerData: extraContent ? writeData({ extraContent }) : null,
    }))
  }
}

/** Some servers send the arguments as the object itself. */
function argumentsText(value: unknown): string {
  if (typeof value === 'string') return value
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : ''
}
