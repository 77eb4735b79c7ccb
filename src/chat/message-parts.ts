import { z } from 'zod'
import type { JsonObject } from '../platform/json.ts'

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
  /** May be 0 where there is `providerData`. */
  readonly length: number
  /** What the provider wants back with this part in later requests. */
  readonly providerData?: JsonObject | undefined
}

export interface ToolCallPart {
  readonly type: 'tool-call'
  readonly step: number
  readonly toolCallId: string
}

/** A part with its text cut out of the message. */
export type MessagePiece = TextPiece | ToolCallPart

export interface TextPiece {
  readonly type: TextKind
  readonly step: number
  /** May be empty where there is `providerData`. */
  readonly text: string
  readonly providerData: JsonObject | null
}

const count = z.int().nonnegative()
const storedParts: z.ZodType<readonly MessagePart[]> = z.array(
  z.discriminatedUnion('type', [
    z.object({
      type: z.literal(['text', 'reasoning']),
      step: count,
      length: count,
      // It was an object when it was stored, and only its provider looks into it.
      providerData: z.custom<JsonObject>((value) => typeof value === 'object' && value !== null).optional(),
    }),
    z.object({ type: z.literal('tool-call'), step: count, toolCallId: z.string() }),
  ]),
)

/** The parts as `Message.parts` holds them. Throws where the column holds something else. */
export function parseParts(stored: unknown): readonly MessagePart[] {
  return storedParts.parse(stored)
}

/**
 * The parts after `length` more code units of a kind: the last part grows where it is of that kind and step and has no
 * provider's data, which closes a part.
 */
export function appendText(
  parts: readonly MessagePart[],
  type: TextKind,
  step: number,
  length: number,
): readonly MessagePart[] {
  if (length === 0) return parts
  const open = openPart(parts, type, step)
  return open ? parts.with(-1, { ...open, length: open.length + length }) : [...parts, { type, step, length }]
}

/** Closes the part that is being written with what the provider wants back; where there is none, it is an empty one. */
export function finishPart(
  parts: readonly MessagePart[],
  type: TextKind,
  step: number,
  providerData: JsonObject,
): readonly MessagePart[] {
  const open = openPart(parts, type, step)
  return open ? parts.with(-1, { ...open, providerData }) : [...parts, { type, step, length: 0, providerData }]
}

export function appendToolCall(parts: readonly MessagePart[], step: number, toolCallId: string) {
  return [...parts, { type: 'tool-call', step, toolCallId }] satisfies readonly MessagePart[]
}

/**
 * The message's pieces in the order they were written. Text beyond what the parts account for (a message that was
 * corrected, or has no parts) is one more piece of the last step; parts beyond the text are shortened, and what a
 * provider wanted back with them is dropped: it would not be theirs any more.
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
    const { type, step, length } = part
    const text = rest[type].slice(0, length)
    rest[type] = rest[type].slice(length)
    const providerData = text.length === length ? (part.providerData ?? null) : null
    if (text !== '' || providerData !== null) pieces.push({ type, step, text, providerData })
  }
  const step = message.parts.at(-1)?.step ?? 0
  for (const type of ['reasoning', 'text'] as const) {
    if (rest[type] !== '') pieces.push({ type, step, text: rest[type], providerData: null })
  }
  return pieces
}

/** The pieces by step, in order; a step without pieces is left out. */
export function piecesByStep(pieces: readonly MessagePiece[]): ReadonlyMap<number, readonly MessagePiece[]> {
  return Map.groupBy(pieces, ({ step }) => step)
}

/** The last part, where text of that kind and step would still be part of it. */
function openPart(parts: readonly MessagePart[], type: TextKind, step: number): TextPart | undefined {
  const last = parts.at(-1)
  return last?.type === type && last.step === step && last.providerData === undefined ? last : undefined
}
