import type { OpenAI } from 'openai'
import {
  type AssistantPart,
  type AssistantTurn,
  type InputFile,
  toolCallsOf,
  type UserTurn,
} from '../chat/transcript.ts'
import { assertNever } from '../platform/assert-never.ts'
import { type ChatTurn, continueText } from './history.ts'
import { base64Of, dataUrlOf, fileTextOf, formOf } from './input-files.ts'
import { fitArguments, fitCallId, fitToolName } from './openai-calls.ts'
import type { OpenAIServer } from './openai-client.ts'
import { type ResponsesData, readData } from './openai-responses-data.ts'
import { toReasoningItem } from './openai-responses-reasoning.ts'

export type InputItem = OpenAI.Responses.ResponseInputItem
type Content = OpenAI.Responses.ResponseInputContent

export interface ItemsTarget {
  readonly server: OpenAIServer
  readonly providerId: string
  /** Reasoning items go back; without them, the model thinks anew. */
  readonly withReasoning: boolean
}

/** Turns of a repaired transcript as input items; `told` are all its turns, of which the provider may have the first. */
export function toInputItems(turns: readonly ChatTurn[], told: readonly ChatTurn[], target: ItemsTarget): InputItem[] {
  const items = new InputItems(told, target)
  for (const turn of turns) items.add(turn)
  const last = turns.at(-1)
  if (last === undefined || last.role === 'assistant') items.add({ role: 'user', text: continueText })
  return items.list
}

class InputItems {
  readonly list: InputItem[] = []
  readonly #target: ItemsTarget
  readonly #callIds: ReadonlyMap<string, string>
  /** An id may stand in a request once. */
  readonly #itemIds = new Set<string>()

  constructor(told: readonly ChatTurn[], target: ItemsTarget) {
    this.#target = target
    const { server, providerId } = target
    this.#callIds = new Map(
      told.flatMap((turn) => {
        if (turn.role !== 'assistant') return []
        const own = turn.providerId === providerId
        return toolCallsOf(turn).map(({ id }) => [id, fitCallId(id, { server, own })] as const)
      }),
    )
  }

  add(turn: ChatTurn): void {
    switch (turn.role) {
      case 'user':
        this.list.push({ type: 'message', role: 'user', content: toContent(turn) })
        return
      case 'assistant':
        this.#addAnswer(turn)
        return
      case 'tool':
        this.list.push({
          type: 'function_call_output',
          call_id: this.#callIds.get(turn.toolCallId) ?? turn.toolCallId,
          output: turn.text,
        })
        return
      default:
        assertNever(turn)
    }
  }

  #addAnswer({ parts }: AssistantTurn): void {
    const data = parts.map(readData)
    const reasoning = parts.map((part, index) =>
      this.#target.withReasoning && part.type === 'reasoning' ? toReasoningItem(part.text, data[index] ?? null) : null,
    )
    // From the end: a reasoning item stays where what followed it stays.
    for (let index = parts.length - 1; index >= 0; index--) {
      const { itemId } = data[index] ?? {}
      const next = parts[index + 1]
      const isFollowed = itemId !== undefined && next !== undefined && data[index + 1]?.after === itemId
      const nextStays = next?.type !== 'reasoning' || reasoning[index + 1] !== null
      if (!isFollowed || !nextStays || this.#itemIds.has(itemId)) reasoning[index] = null
    }
    parts.forEach((part, index) => {
      const item = reasoning[index]
      if (part.type === 'reasoning') {
        if (!item || !this.#isNew(item.id)) return
        this.list.push(item)
        return
      }
      const previous = this.list.at(-1)
      const after = data[index]?.after
      const isComplete = after === undefined || (previous?.type === 'reasoning' && previous.id === after)
      this.#addSaid(part, data[index] ?? null, isComplete)
    })
  }

  /** `isComplete`: the reasoning that it followed is there, so that the item may be named. */
  #addSaid(part: Exclude<AssistantPart, { type: 'reasoning' }>, data: ResponsesData | null, isComplete: boolean): void {
    const prefix = part.type === 'text' ? 'msg' : 'fc'
    const named = isComplete && data?.itemId?.startsWith(prefix) && this.#isNew(data.itemId) ? data.itemId : undefined
    if (part.type === 'tool-call') {
      this.list.push({
        type: 'function_call',
        ...(named === undefined ? {} : { id: named }),
        call_id: this.#callIds.get(part.id) ?? part.id,
        name: fitToolName(part.name),
        arguments: fitArguments(part),
      })
      return
    }
    const phase = data?.phase === undefined ? {} : { phase: data.phase }
    if (named === undefined) {
      if (part.text !== '') this.list.push({ type: 'message', role: 'assistant', content: part.text, ...phase })
      // What is left out takes the reasoning with it that it followed.
      else while (this.list.at(-1)?.type === 'reasoning') this.list.pop()
      return
    }
    const content = data?.refusal
      ? ({ type: 'refusal', refusal: part.text } as const)
      : ({ type: 'output_text', text: part.text, annotations: [] } as const)
    const message = { type: 'message', role: 'assistant', id: named, status: 'completed', ...phase } as const
    this.list.push({ ...message, content: [{ ...content }] as OpenAI.Responses.ResponseOutputMessage['content'] })
  }

  #isNew(itemId: string): boolean {
    if (this.#itemIds.has(itemId)) return false
    this.#itemIds.add(itemId)
    return true
  }
}

function toContent({ text, files = [] }: UserTurn): Content[] {
  return [...files.map(toFileContent), ...(text === '' ? [] : [{ type: 'input_text' as const, text }])]
}

function toFileContent(file: InputFile): Content {
  const form = formOf(file)
  switch (form) {
    case 'image':
      return { type: 'input_image', image_url: dataUrlOf(file), detail: 'auto' }
    case 'pdf': {
      const file_data = `data:application/pdf;base64,${base64Of(file)}`
      return { type: 'input_file', filename: file.filename, file_data }
    }
    case 'text':
      return { type: 'input_text', text: fileTextOf(file) }
    default:
      return assertNever(form)
  }
}
