import { type AssistantTurn, toolCallsOf } from '../chat/transcript.ts'
import type { JsonObject } from '../platform/json.ts'
import type { ChatTurn } from './history.ts'
import { type ResponsesData, readData } from './openai-responses-data.ts'
import type { Keeping } from './openai-responses-kept.ts'

/** Who wrote a `previous_response_id`: one of Parley's own is for its branch alone, which the parts tell better. */
const author = 'parley'

/** What is stored of a thread whose answers the provider keeps. */
export function keptState(responseId: string): JsonObject {
  return { previous_response_id: responseId, set_by: author }
}

/** Where this turn is to be kept. */
export function keepingOf(state: JsonObject | null, keepsConversations: boolean): Keeping {
  const conversation = textOf(state?.conversation)
  if (conversation !== null) return { type: 'conversation', id: conversation }
  return { type: keepsConversations ? 'responses' : 'nothing' }
}

/** What the provider has of a conversation already, and what it is still to be told. */
export interface Continuation {
  /** The fields of the request that name what the provider has. */
  readonly fields: { readonly conversation?: string; readonly previous_response_id?: string }
  readonly turns: readonly ChatTurn[]
  /** The response to go on from is one that Parley had kept: without it, the whole transcript can be sent. */
  readonly isOwn: boolean
}

/**
 * A conversation that a user set holds every turn up to its last answer. Else, where the provider is to keep responses,
 * the newest one on this branch is gone on from, and where there is none, the response that a user set comes before all
 * turns. `ignoreKept`: what was kept is lost.
 */
export function continuationOf(
  turns: readonly ChatTurn[],
  state: JsonObject | null,
  { keepsConversations, ignoreKept }: { keepsConversations: boolean; ignoreKept: boolean },
): Continuation {
  const conversation = textOf(state?.conversation)
  if (conversation !== null) {
    const marked = lastTurn(turns, (turn) => markOf(turn, 'conversation') === conversation)
    // Results that nobody there asked for would be refused.
    const answered = lastTurn(turns, (turn) => toolCallsOf(turn).length === 0)
    return {
      fields: { conversation },
      turns: turns.slice((marked ?? answered ?? -1) + 1),
      isOwn: false,
    }
  }
  const at = keepsConversations && !ignoreKept ? lastTurn(turns, (turn) => markOf(turn, 'responseId') !== null) : null
  const kept = at === null ? null : turns[at]
  const responseId = kept?.role === 'assistant' ? markOf(kept, 'responseId') : null
  if (at !== null && responseId !== null)
    return { fields: { previous_response_id: responseId }, turns: turns.slice(at + 1), isOwn: true }
  const given = state?.set_by === author ? null : textOf(state?.previous_response_id)
  return { fields: given === null ? {} : { previous_response_id: given }, turns, isOwn: false }
}

function lastTurn(turns: readonly ChatTurn[], matches: (turn: AssistantTurn) => boolean): number | null {
  const at = turns.findLastIndex((turn) => turn.role === 'assistant' && matches(turn))
  return at === -1 ? null : at
}

function markOf(
  { parts }: AssistantTurn,
  mark: keyof Pick<ResponsesData, 'responseId' | 'conversation'>,
): string | null {
  return parts.map((part) => readData(part)?.[mark] ?? null).find((value) => value !== null) ?? null
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}
