import { isJsonObject, type JsonObject } from '../platform/json.ts'
import type { ChatDelta } from './openai-chunk.ts'
import { writeData } from './openai-data.ts'

/** The most that OpenRouter's details of one turn may take, in UTF-16 code units of JSON; what is more is not kept. */
const maxDetailsLength = 1_048_576

/** Reads the reasoning of one Chat Completions turn, and keeps what the server wants back with it. */
export class ReasoningReader {
  #field: 'reasoning_content' | undefined
  #details: Record<string, unknown>[] = []
  #detailsLength = 0

  /** The text of it in this delta. */
  take({ reasoning_content: content, reasoning, reasoning_details: details }: ChatDelta): string {
    const own = Array.isArray(details) ? details.filter(isJsonObject) : []
    for (const detail of own) this.#keep(detail)
    if (typeof content === 'string' && content !== '') this.#field = 'reasoning_content'
    // Servers that send several fields send the same in each.
    const text = content ?? reasoning
    if (typeof text === 'string') return text
    return own.map(({ text, summary }) => [text, summary].find((said) => typeof said === 'string') ?? '').join('')
  }

  /** What the server wants back with the reasoning so far; null where that is nothing. */
  finish(): JsonObject | null {
    if (this.#field === undefined && this.#details.length === 0) return null
    const data = writeData({
      field: this.#field,
      details: this.#details.length > 0 ? (this.#details as JsonObject[]) : undefined,
    })
    this.#field = undefined
    this.#details = []
    return data
  }

  /** Pieces of one text or summary are joined; a signature comes with the last of them. */
  #keep(detail: Record<string, unknown>): void {
    this.#detailsLength += JSON.stringify(detail).length
    if (this.#detailsLength > maxDetailsLength) return
    const last = this.#details.at(-1)
    const field =
      detail.type === 'reasoning.text' ? 'text' : detail.type === 'reasoning.summary' ? 'summary' : undefined
    if (!last || !field || last.type !== detail.type || last.index !== detail.index) {
      this.#details.push({ ...detail })
      return
    }
    const said = Object.entries(detail).filter(([, value]) => value != null)
    Object.assign(last, Object.fromEntries(said), { [field]: `${last[field] ?? ''}${detail[field] ?? ''}` })
  }
}
