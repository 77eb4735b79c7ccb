import type { SaidMessage, SaidToolCall } from '../chat/branches.ts'
import { type MessagePiece, parseParts, piecesByStep, splitParts } from '../chat/message-parts.ts'
import type { AssistantPart, ToolTurn, Turn } from '../chat/transcript.ts'
import { providerOf } from './draft.ts'

/** What a model is told of a call that was never sent. */
const cancelledResult = 'The call was cancelled before it ran.'

/** A model is told at most this many characters of the arguments that a person put in place of its own. */
const maxShownArguments = 2_000

/**
 * A stored message as a model is shown it: of an answer, each step's turn and the results of its calls after it. With
 * `beforeStep`, the steps before that one. A message that says nothing has no turns.
 */
export function turnsOf(message: SaidMessage, beforeStep = Number.POSITIVE_INFINITY): readonly Turn[] {
  const { role, text, reasoning, modelId } = message
  if (role === 'USER') return text === '' ? [] : [{ role: 'user', text }]
  const providerId = modelId === null ? null : providerOf(modelId)
  const calls = new Map(message.toolCalls.map((call) => [call.id, call]))
  const pieces = splitParts({ text, reasoning, parts: parseParts(message.parts) })
  return [...piecesByStep(pieces)]
    .filter(([step]) => step < beforeStep)
    .toSorted(([left], [right]) => left - right)
    .flatMap(([, own]): Turn[] => {
      const parts = own.flatMap((piece) => partOf(piece, calls))
      if (parts.length === 0) return []
      const asked = own.flatMap((piece) => (piece.type === 'tool-call' ? (calls.get(piece.toolCallId) ?? []) : []))
      return [{ role: 'assistant', providerId, parts }, ...asked.flatMap(resultOf)]
    })
}

/** A call that is not stored, since a crash came before, is nothing that the model said. */
function partOf(piece: MessagePiece, calls: ReadonlyMap<string, SaidToolCall>): readonly AssistantPart[] {
  if (piece.type !== 'tool-call') {
    const { type, text, providerData } = piece
    return [{ type, text, providerData }]
  }
  const call = calls.get(piece.toolCallId)
  if (!call) return []
  const { callId, name, arguments: args, providerData } = call
  return [{ type: 'tool-call', id: callId, name, arguments: args, providerData }]
}

/** Where nothing is known of a call, what to say is left to the provider. */
function resultOf({ callId, status, editedArguments, output, isError }: SaidToolCall): readonly ToolTurn[] {
  if (status === 'CANCELLED') return [{ role: 'tool', toolCallId: callId, text: cancelledResult, isError: true }]
  if (output === null) return []
  const text = editedArguments === null ? output : `${editNote(editedArguments)}\n${output}`
  return [{ role: 'tool', toolCallId: callId, text, isError }]
}

/** The call stays in the transcript as the model wrote it, so that its result has to say what was changed. */
function editNote(editedArguments: string): string {
  const shown =
    editedArguments.length <= maxShownArguments
      ? editedArguments
      : `${editedArguments.slice(0, maxShownArguments).toWellFormed()}…`
  return `The person changed the arguments to ${shown}`
}
