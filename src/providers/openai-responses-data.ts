import { z } from 'zod'
import type { AssistantPart } from '../chat/transcript.ts'
import type { JsonObject } from '../platform/json.ts'

// What the Responses API wants back with an answer, and what tells which of its own answers it keeps.

/** One text of a reasoning item: of the summary, or of the reasoning itself. */
export interface Section {
  readonly type: 'summary_text' | 'reasoning_text'
  /** In UTF-16 code units. */
  readonly length: number
}

export interface ResponsesData {
  /** The item's id. */
  readonly itemId?: string | undefined
  /**
   * The id of the reasoning item right before this one: the API refuses a reasoning item without the item that followed
   * it, and an item that it knows to have followed one without that reasoning item.
   */
  readonly after?: string | undefined
  readonly encryptedContent?: string | undefined
  /** The reasoning's texts, which stand in the part with an empty line between them. */
  readonly sections?: readonly Section[] | undefined
  readonly phase?: 'commentary' | 'final_answer' | undefined
  /** The text is the model's refusal. */
  readonly refusal?: boolean | undefined
  /** On a turn's last part: the response that the provider keeps, which ended with this turn. */
  readonly responseId?: string | undefined
  /** On a turn's last part: the provider's conversation, which holds this turn. */
  readonly conversation?: string | undefined
}

const text = z.string().min(1).optional().catch(undefined)

const dataSchema = z.object({
  kind: z.literal('openai-responses'),
  itemId: text,
  after: text,
  encryptedContent: text,
  sections: z
    .array(z.object({ type: z.enum(['summary_text', 'reasoning_text']), length: z.int().nonnegative() }))
    .optional()
    .catch(undefined),
  phase: z.enum(['commentary', 'final_answer']).optional().catch(undefined),
  refusal: z.boolean().optional().catch(undefined),
  responseId: text,
  conversation: text,
})

export function readData({ providerData }: AssistantPart): ResponsesData | null {
  const parsed = dataSchema.safeParse(providerData)
  return parsed.success ? parsed.data : null
}

export function writeData(data: ResponsesData): JsonObject {
  return { kind: 'openai-responses', ...(JSON.parse(JSON.stringify(data)) as JsonObject) }
}

/** The data of a turn's last part, marked as the end of a turn that the provider keeps. */
export function markData(
  data: JsonObject | null,
  mark: Pick<ResponsesData, 'responseId' | 'conversation'>,
): JsonObject {
  return { ...data, ...writeData(mark) }
}

/** What stands between two texts of a reasoning item. */
export const sectionBreak = '\n\n'

/** The sections' texts, out of the part's text; null where they do not add up to it. */
export function cut(whole: string, sections: readonly Section[]): readonly (Section & { text: string })[] | null {
  let start = 0
  const pieces = sections.map((section) => {
    const piece = { ...section, text: whole.slice(start, start + section.length) }
    start += section.length + sectionBreak.length
    return piece
  })
  return start === whole.length + sectionBreak.length ? pieces : null
}
