import {
  type AssistantTurn,
  type SystemTurn,
  type ToolTurn,
  type Transcript,
  type Turn,
  toolCallsOf,
  type UserTurn,
} from '../chat/transcript.ts'
import { type JsonObject, parseJsonObject } from '../platform/json.ts'

// What every provider's request needs of a transcript, whatever was stored: pure functions, from transcript to
// transcript. What one API alone wants is in that kind's own file.

export type ChatTurn = UserTurn | AssistantTurn | ToolTurn

export interface History {
  /** The system turns' texts, joined with empty lines; empty where there are none. */
  readonly instructions: string
  /**
   * At least one, and none is empty. Each assistant turn's tool calls have ids of their own and exactly one result each, in the order of
   * the calls, right after it; there are no other results.
   */
  readonly turns: readonly ChatTurn[]
}

/** What stands in where an API insists on a user's message and there is none. */
export const continueText = 'Continue.'

/** What a model is told of a call whose result nobody knows. */
const lostResult = 'The result of this call is not known: it was interrupted, and it was not sent again.'

/** The transcript made whole; what a provider wants back is kept for `providerId` and dropped for all others. */
export function repairHistory(transcript: Transcript, providerId: string): History {
  const instructions = transcript.filter((turn) => turn.role === 'system').map(({ text }) => text)
  const said = transcript
    .filter(isChatTurn)
    .map((turn) => (turn.role === 'assistant' ? ownData(turn, providerId) : turn))
  const turns = withResults(said.filter((turn) => !isEmpty(turn)))
  return {
    instructions: instructions.filter((text) => text !== '').join('\n\n'),
    turns: turns.length > 0 ? turns : [{ role: 'user', text: continueText }],
  }
}

/** The name of the tool that each call asked for, by the call's id. */
export function toolNames(turns: readonly Turn[]): ReadonlyMap<string, string> {
  return new Map(
    turns.flatMap((turn) => (turn.role === 'assistant' ? toolCallsOf(turn) : [])).map((call) => [call.id, call.name]),
  )
}

/** A call's arguments as an object; what is none, or nested too deep, is kept as text under the key `arguments`: the model sees it. */
export function argumentsObject(text: string): JsonObject {
  if (text.trim() === '') return {}
  return parseJsonObject(text) ?? { arguments: text }
}

function isChatTurn(turn: Turn): turn is Exclude<Turn, SystemTurn> {
  return turn.role !== 'system'
}

function isEmpty(turn: ChatTurn): boolean {
  if (turn.role === 'assistant') return turn.parts.length === 0
  return turn.role === 'user' && turn.text === '' && !turn.files?.length
}

/** Without the data of other providers, and without the parts that are nothing without it. */
function ownData(turn: AssistantTurn, providerId: string): AssistantTurn {
  const isOwn = turn.providerId === providerId
  const parts = turn.parts
    .map((part) => (isOwn ? part : { ...part, providerData: null }))
    .filter((part) => part.type === 'tool-call' || part.text !== '' || part.providerData !== null)
  return { ...turn, parts }
}

function withResults(turns: readonly ChatTurn[]): readonly ChatTurn[] {
  const repaired: ChatTurn[] = []
  const taken = new Set<string>()
  turns.forEach((turn, index) => {
    if (turn.role === 'user') repaired.push(turn)
    if (turn.role !== 'assistant') return
    const results = resultsAfter(turns, index)
    const answers: ToolTurn[] = []
    const parts = turn.parts.map((part) => {
      if (part.type !== 'tool-call') return part
      const id = freeId(part.id, taken)
      const result = results.get(part.id)?.shift()
      answers.push(
        result ? { ...result, toolCallId: id } : { role: 'tool', toolCallId: id, text: lostResult, isError: true },
      )
      return { ...part, id }
    })
    repaired.push({ ...turn, parts }, ...answers)
  })
  return repaired
}

/** The results between an assistant's turn and the next assistant's, by the id of their call, in order. */
function resultsAfter(turns: readonly ChatTurn[], index: number): Map<string, ToolTurn[]> {
  const next = turns.findIndex((turn, at) => at > index && turn.role === 'assistant')
  const following = turns.slice(index + 1, next === -1 ? undefined : next)
  return Map.groupBy(
    following.filter((turn) => turn.role === 'tool'),
    ({ toolCallId }) => toolCallId,
  )
}

/** Some servers give the same id to several calls, or none. */
function freeId(id: string, taken: Set<string>): string {
  const base = id === '' ? 'call' : id
  let free = base
  for (let count = 2; taken.has(free) || free === ''; count++) free = `${base}_${count}`
  taken.add(free)
  return free
}
