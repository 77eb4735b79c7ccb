import { assertNever } from '../platform/assert-never.ts'
import type { ReasoningDelta, TextDelta } from '../providers/model-event.ts'
import type { Checkpoint } from './checkpoint-rows.ts'
import type { Checkpoints } from './checkpoints.ts'
import type { Draft } from './draft.ts'
import type { EventStream } from './event-stream.ts'
import type { ModelSwitched, RunEvent } from './run-event.ts'
import type { Lease } from './run-rows.ts'

export interface RecordedRun {
  readonly lease: Lease
  readonly threadId: string
  readonly messageId: string
}

/** Joined deltas that are held back are at most this long. */
const heldLength = 16_384

/** Folds a run's events into its draft, marks the draft for the next checkpoint, and appends them to the stream. */
export class Recorder {
  readonly draft: Draft
  readonly #run: RecordedRun
  readonly #stream: EventStream
  readonly #checkpoints: Checkpoints
  readonly #flushMs: number
  #firstTokenAt: Date | null = null
  #held: TextDelta | ReasoningDelta | null = null
  #flusher: NodeJS.Timeout | null = null

  constructor(
    run: RecordedRun,
    draft: Draft,
    { stream, checkpoints, flushMs }: { stream: EventStream; checkpoints: Checkpoints; flushMs: number },
  ) {
    this.#run = run
    this.draft = draft
    this.#stream = stream
    this.#checkpoints = checkpoints
    this.#flushMs = flushMs
  }

  record(event: RunEvent): void {
    switch (event.type) {
      case 'text-delta':
      case 'reasoning-delta':
        this.#recordDelta(event)
        break
      case 'turn-finished':
      case 'tool-call-requested':
      case 'part-finished':
      case 'provider-state-changed':
        // None has a face in the API: a turn's end shows in the run's usage.
        this.flush()
        this.draft.apply(event)
        this.#mark()
        break
      case 'model-switched':
        this.flush()
        this.draft.apply(event)
        this.#append(event)
        break
      case 'tool-call-changed':
      case 'tool-progressed':
      case 'approval-requested':
      case 'approval-decided':
      case 'elicitation-requested':
      case 'elicitation-closed':
      case 'message-changed':
      case 'run-status-changed':
      case 'message-finished':
      case 'message-snapshot':
      case 'stream-reset':
      case 'run-heartbeat':
        this.flush()
        this.#append(event)
        break
      default:
        assertNever(event)
    }
  }

  /** Lets go of deltas that `stream.flushMs` holds back. */
  flush(): void {
    if (this.#flusher) clearTimeout(this.#flusher)
    this.#flusher = null
    const held = this.#held
    this.#held = null
    if (held) this.#appendDelta(held)
  }

  get lease(): Lease {
    return this.#run.lease
  }

  /** The draft as it is to be stored. */
  checkpoint(): Checkpoint {
    const { text, reasoning, parts, toolCalls, providerState, progress } = this.draft
    return {
      lease: this.lease,
      messageId: this.#run.messageId,
      text,
      reasoning: reasoning || null,
      parts,
      toolCalls,
      providerState,
      progress,
      firstTokenAt: this.#firstTokenAt,
    }
  }

  /** Stores what was recorded so far, at a turn's end. Throws a `LeaseLostError`. */
  async save(): Promise<void> {
    this.flush()
    this.draft.endTurn()
    await this.#checkpoints.save(this.checkpoint())
  }

  /** Makes another model the one that answers, and stores that. Throws a `LeaseLostError`. */
  async switchModel(event: ModelSwitched): Promise<void> {
    await this.#checkpoints.switchModel(this.#run.lease, event.toModelId)
    this.record(event)
  }

  #recordDelta(delta: TextDelta | ReasoningDelta): void {
    if (!this.#firstTokenAt) {
      this.#firstTokenAt = new Date()
      this.#append({ type: 'run-status-changed', status: 'STREAMING' })
      this.#appendDelta(delta)
    } else if (this.#flushMs === 0) this.#appendDelta(delta)
    else this.#hold(delta)
  }

  #hold(delta: TextDelta | ReasoningDelta): void {
    if (this.#held && (this.#held.type !== delta.type || this.#held.text.length + delta.text.length > heldLength))
      this.flush()
    this.#held = this.#held ? { ...this.#held, text: this.#held.text + delta.text } : delta
    this.#flusher ??= setTimeout(() => this.flush(), this.#flushMs)
  }

  #appendDelta(delta: TextDelta | ReasoningDelta): void {
    const offset = delta.type === 'text-delta' ? this.draft.text.length : this.draft.reasoning.length
    this.draft.apply(delta)
    this.#stream.append(this.#run.threadId, this.#run.lease.runId, delta, { messageId: this.#run.messageId, offset })
    this.#mark()
  }

  #append(event: RunEvent): void {
    this.#stream.append(this.#run.threadId, this.#run.lease.runId, event)
  }

  #mark(): void {
    this.#checkpoints.mark(this.#run.lease.runId, this.#readCheckpoint)
  }

  readonly #readCheckpoint = () => this.checkpoint()
}
