import { appendText, appendToolCall, finishPart, type MessagePart } from '../chat/message-parts.ts'
import type { RequestedCall } from '../chat/tool-calls.ts'
import { assertNever } from '../platform/assert-never.ts'
import { newId } from '../platform/ids.ts'
import type { JsonObject } from '../platform/json.ts'
import type { FinishReason, ModelEvent, ToolCallRequested } from '../providers/model-event.ts'
import { addUsage, noUsage, type Usage } from '../providers/usage.ts'
import type { ModelSwitched } from './run-event.ts'

/** What a provider said last that it keeps of the thread. */
export interface ProviderState {
  readonly providerId: string
  readonly state: JsonObject
}

/** What of a run is over: model turns that are stored whole, and what the run has used by the end of them. */
export interface Progress {
  readonly turns: number
  readonly usage: Usage
}

/** The answer as it is being written: what the events of a run add up to. */
export class Draft {
  text: string
  reasoning: string
  parts: readonly MessagePart[]
  /** Those of all steps, in the order in which the model asked. */
  toolCalls: readonly RequestedCall[]
  modelId: string
  providerState: ProviderState | null = null
  usage: Usage
  /** The model turn that is being written, from 0. */
  step: number
  /** Model turns that are over. */
  turns: number
  /** As of the last `endTurn`; null where no turn has ended since the draft was loaded. */
  progress: Progress | null = null
  /** Why the last turn ended; null before the first end. */
  finishReason: FinishReason | null = null

  constructor(stored: {
    text: string
    reasoning: string | null
    parts: readonly MessagePart[]
    modelId: string
    toolCalls: readonly RequestedCall[]
    turns: number
    usage: Usage
  }) {
    this.text = stored.text
    this.reasoning = stored.reasoning ?? ''
    this.parts = stored.parts
    this.toolCalls = stored.toolCalls
    this.modelId = stored.modelId
    this.usage = stored.usage
    this.step = stored.turns
    this.turns = stored.turns
  }

  /** Whether nothing was written yet: then the run can be begun again, and nothing is lost by it. */
  get isEmpty(): boolean {
    return this.parts.length === 0
  }

  /** Whether something was written of a turn that is not over: then the run cannot be carried on without losing it. */
  get isInTurn(): boolean {
    return (this.parts.at(-1)?.step ?? -1) >= this.turns
  }

  /** The turns so far are over: where all of it is stored, the run can be carried on from here. */
  endTurn(): void {
    this.turns = this.step
    this.progress = { turns: this.step, usage: this.usage }
  }

  apply(event: ModelEvent | ModelSwitched): void {
    switch (event.type) {
      case 'text-delta':
        this.text += event.text
        this.parts = appendText(this.parts, 'text', this.step, event.text.length)
        break
      case 'reasoning-delta':
        this.reasoning += event.text
        this.parts = appendText(this.parts, 'reasoning', this.step, event.text.length)
        break
      case 'part-finished':
        this.parts = finishPart(this.parts, event.part, this.step, event.providerData)
        break
      case 'tool-call-requested':
        this.#request(event)
        break
      case 'provider-state-changed':
        this.providerState = { providerId: providerOf(this.modelId), state: event.state }
        break
      case 'model-switched':
        this.modelId = event.toModelId
        break
      case 'turn-finished':
        this.usage = addUsage(this.usage, event.usage ?? { ...noUsage, estimated: true })
        this.finishReason = event.reason
        this.step += 1
        break
      default:
        assertNever(event)
    }
  }

  #request({ callId, name, arguments: args, providerData }: ToolCallRequested): void {
    const { step } = this
    const id = newId('toolcall', this.toolCalls.at(-1)?.id)
    const call: RequestedCall = {
      id,
      step,
      index: this.toolCalls.filter((other) => other.step === step).length,
      callId,
      name,
      arguments: args,
      textOffset: this.text.length,
      reasoningOffset: this.reasoning.length,
      providerData,
    }
    this.toolCalls = [...this.toolCalls, call]
    this.parts = appendToolCall(this.parts, step, id)
  }
}

/** The provider of a model, which its id begins with. */
export function providerOf(modelId: string): string {
  const slash = modelId.indexOf('/')
  return slash === -1 ? modelId : modelId.slice(0, slash)
}
