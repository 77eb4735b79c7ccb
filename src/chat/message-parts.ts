import { z } from 'zod'

/**
 * In which order an assistant's message was written, over all steps of its run: `Message.text` holds the text parts
 * joined with nothing between them, `Message.reasoning` likewise. A length is of that part alone, in UTF-16 code units.
 */
export type MessagePart = TextPart | ToolCallPart
export type TextKind = 'text' | 'reasoning'

export interface TextPart {
  readonly type: TextKind
  /** The model turn of the run, from 0. */
  readonly step: number
  readonly length: number
}

export interface ToolCallPart {
  readonly type: 'tool-call'
  readonly step: number
  readonly toolCallId: string
}

/** A part with its text cut out of the message. */
export type MessagePiece = { readonly type: TextKind; readonly step: number; readonly text: string } | ToolCallPart

const count = z.int().nonnegative()
const storedParts: z.ZodType<readonly MessagePart[]> = z.array(
  z.discriminatedUnion('type', [
    z.object({ type: z.literal(['text', 'reasoning']), step: count, length: count }),
    z.object({ type: z.literal('tool-call'), step: count, toolCallId: z.string() }),
  ]),
)

/** The parts as `Message.parts` holds them. Throws where the column holds something else. */
export function parseParts(stored: unknown): readonly MessagePart[] {
  return storedParts.parse(stored)
}

/** The parts after `length` more code units of a kind: the last part grows where it is of that kind and step. */
export function appendText(
  parts: readonly MessagePart[],
  type: TextKind,
  step: number,
  length: number,
): readonly MessagePart[] {
  if (length === 0) return parts
  const last = parts.at(-1)
  if (last?.type === type && last.step === step) {
    return parts.with(-1, { ...last, length: last.length + length })
  }
  return [...parts, { type, step, length }]
}

export function appendToolCall(parts: readonly MessagePart[], step: number, toolCallId: string) {
  return [...parts, { type: 'tool-call', step, toolCallId }] satisfies readonly MessagePart[]
}

/**
 * The message's pieces in the order they were written. Text beyond what the parts account for (a message that was
 * corrected, or has no parts) is one more piece of the last step; parts beyond the text are shortened.
 */
export function splitParts(message: {
  readonly text: string
  readonly reasoning: string | null
  readonly parts: readonly MessagePart[]
}): readonly MessagePiece[] {
  const rest: Record<TextKind, string> = { text: message.text, reasoning: message.reasoning ?? '' }
  const pieces: MessagePiece[] = []
  for (const part of message.parts) {
    if (part.type === 'tool-call') {
      pieces.push(part)
      continue
    }
    const text = rest[part.type].slice(0, part.length)
    rest[part.type] = rest[part.type].slice(part.length)
    if (text !== '') pieces.push({ type: part.type, step: part.step, text })
  }
  const step = message.parts.at(-1)?.step ?? 0
  for (const type of ['reasoning', 'text'] as const) {
    if (rest[type] !== '') pieces.push({ type, step, text: rest[type] })
  }
  return pieces
}

/** The pieces by step, in order; a step without pieces is left out. */
export function piecesByStep(pieces: readonly MessagePiece[]): ReadonlyMap<number, readonly MessagePiece[]> {
  return Map.groupBy(pieces, ({ step }) => step)
}
