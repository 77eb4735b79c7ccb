import type { EventBatch } from './event-batch.ts'
import type { PartFinished, ToolCallRequested } from './model-event.ts'
import { markData } from './openai-responses-data.ts'
import { keptState } from './openai-responses-state.ts'

/** Where the provider keeps what is said: nowhere, as responses that follow each other, or in a conversation with an id. */
export type Keeping =
  | { readonly type: 'nothing' }
  | { readonly type: 'responses' }
  | { readonly type: 'conversation'; readonly id: string }

/**
 * Marks the end of a turn that the provider keeps: its last part says so, and that part waits here until the turn is
 * whole, so that a turn which broke off is never taken for one that is kept.
 */
export class KeptEnd {
  responseId: unknown
  readonly #batch: EventBatch
  readonly #keeping: Keeping
  #held: PartFinished | ToolCallRequested | null = null

  constructor(batch: EventBatch, keeping: Keeping) {
    this.#batch = batch
    this.#keeping = keeping
  }

  add(event: PartFinished | ToolCallRequested): void {
    this.release()
    if (this.#keeping.type === 'nothing') this.#batch.add(event)
    else this.#held = event
  }

  /** The part that waits was not the last. */
  release(): void {
    if (this.#held) this.#batch.add(this.#held)
    this.#held = null
  }

  /** `isCompleted`: the model ended by itself. */
  finish(isCompleted: boolean): void {
    const held = this.#held
    this.#held = null
    if (!held) return
    const mark = this.#mark(isCompleted)
    this.#batch.add(mark ? { ...held, providerData: markData(held.providerData, mark) } : held)
    if (mark && 'responseId' in mark)
      this.#batch.add({ type: 'provider-state-changed', state: keptState(mark.responseId) })
  }

  #mark(isCompleted: boolean): { responseId: string } | { conversation: string } | null {
    if (this.#keeping.type === 'conversation') return { conversation: this.#keeping.id }
    const { responseId } = this
    // A response that broke off cannot be gone on from.
    return isCompleted && typeof responseId === 'string' && responseId !== '' ? { responseId } : null
  }
}
