import { appendText, type MessagePart } from '../chat/message-parts.ts'
import type { ModelEvent } from '../providers/model-event.ts'
import { addUsage, noUsage, type Usage } from '../providers/usage.ts'

/** The answer as it is being written: what the events of a run add up to. */
export class Draft {
  text: string
  reasoning: string
  parts: readonly MessagePart[]
  usage: Usage = noUsage
  /** The model turn that is being written, from 0. */
  step: number

  constructor(stored: { text: string; reasoning: string | null; parts: readonly MessagePart[] }) {
    this.text = stored.text
    this.reasoning = stored.reasoning ?? ''
    this.parts = stored.parts
    this.step = (stored.parts.at(-1)?.step ?? -1) + 1
  }

  /** Whether nothing was written yet: then the run can be begun again, and nothing is lost by it. */
  get isEmpty(): boolean {
    return this.parts.length === 0
  }

  apply(event: ModelEvent): void {
    switch (event.type) {
      case 'text-delta':
        this.text += event.text
        this.parts = appendText(this.parts, 'text', this.step, event.text.length)
        break
      case 'reasoning-delta':
        this.reasoning += event.text
        this.parts = appendText(this.parts, 'reasoning', this.step, event.text.length)
        break
      case 'turn-finished':
        this.usage = addUsage(this.usage, event.usage ?? { ...noUsage, estimated: true })
        this.step += 1
        break
      case 'tool-call-requested':
        break
    }
  }
}
