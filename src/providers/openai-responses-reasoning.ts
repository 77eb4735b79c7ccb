import type { OpenAI } from 'openai'
import { cut, type ResponsesData } from './openai-responses-data.ts'

type ReasoningItem = OpenAI.Responses.ResponseReasoningItem

/**
 * A reasoning item as it came; null where it cannot go back: without the encrypted reasoning, and without the reasoning
 * itself, the API would look for an item that it does not keep.
 */
export function toReasoningItem(text: string, data: ResponsesData | null): ReasoningItem | null {
  if (data?.itemId === undefined) return null
  const { itemId: id, encryptedContent, sections } = data
  const pieces = text === '' ? [] : (cut(text, sections ?? []) ?? [{ type: 'summary_text' as const, text }])
  const textsOf = <Type extends string>(type: Type) =>
    pieces.filter((piece) => piece.type === type).map((piece) => ({ type, text: piece.text }))
  const content = textsOf('reasoning_text')
  if (encryptedContent === undefined && content.length === 0) return null
  return {
    type: 'reasoning',
    id,
    summary: textsOf('summary_text'),
    ...(content.length > 0 ? { content } : {}),
    ...(encryptedContent === undefined ? {} : { encrypted_content: encryptedContent }),
  }
}
