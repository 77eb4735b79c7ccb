import { newUlid } from '../platform/ids.ts'
import { sanitizeText } from '../platform/text.ts'
import type { ToolCallRequested } from './model-event.ts'
import { type ResponsesData, type Section, writeData } from './openai-responses-data.ts'
import type { OutputItem } from './openai-responses-event.ts'

/** An item of an answer while it comes. */
export class OpenItem {
  /** The item as it was announced, then as it ended. */
  item: OutputItem
  /** What came of its text, in UTF-16 code units. */
  textLength = 0
  isRefusal = false
  /** A function call's arguments, in pieces. */
  readonly pieces: string[] = []
  readonly #sections: { type: Section['type']; key: string; length: number }[] = []

  constructor(item: OutputItem) {
    this.item = item
  }

  get sections(): readonly Section[] {
    return this.#sections.map(({ type, length }) => ({ type, length }))
  }

  /** Counts a piece of a reasoning text; whether another text came before it and a break belongs between them. */
  addToSection(type: Section['type'], index: unknown, length: number): boolean {
    const key = `${type} ${typeof index === 'number' ? index : 0}`
    const last = this.#sections.at(-1)
    if (last?.key === key) {
      last.length += length
      return false
    }
    this.#sections.push({ type, key, length })
    return last !== undefined
  }

  toRequest(data: ResponsesData): ToolCallRequested {
    const { call_id: callId, name, arguments: whole } = this.item
    return {
      type: 'tool-call-requested',
      callId: typeof callId === 'string' && callId !== '' ? sanitizeText(callId) : `call_${newUlid()}`,
      name: typeof name === 'string' ? sanitizeText(name) : '',
      arguments: sanitizeText(typeof whole === 'string' && whole !== '' ? whole : this.pieces.join('')),
      providerData: writeData(data),
    }
  }
}
