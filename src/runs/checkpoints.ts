import type { PrismaClient } from '../database/generated/client.ts'
import type { Log } from '../platform/log.ts'
import { type Checkpoint, isOwnRowsStored, type Stored, writeCheckpoints } from './checkpoint-rows.ts'
import { type Lease, leaseLost, switchModel } from './run-rows.ts'
import { storePatiently } from './store-patiently.ts'

/** From one write's start to the next's. With the write it is less than a second: a crash must not cost more text. */
const intervalMs = 900

/**
 * Stores what all runs of this instance have written since the last time, in one statement. Marking costs nothing on the
 * path of a token, and no run waits for a write.
 */
export class Checkpoints implements AsyncDisposable {
  readonly #database: PrismaClient
  readonly #log: Log
  readonly #dirty = new Map<string, () => Checkpoint>()
  /** How much of each run is known to be stored: only what follows is sent. */
  readonly #stored = new Map<string, Stored>()
  #timer: NodeJS.Timeout | null = null
  #writing: Promise<void> = Promise.resolve()

  constructor(database: PrismaClient, log: Log) {
    this.#database = database
    this.#log = log
  }

  /** Something of the run is to be stored at the next checkpoint; `read` is asked for it then. */
  mark(runId: string, read: () => Checkpoint): void {
    this.#dirty.set(runId, read)
    this.#timer ??= setTimeout(() => this.#tick(), intervalMs).unref()
  }

  /** Stores a run now, for what must be there before it goes on. Throws a `LeaseLostError`. */
  async save(checkpoint: Checkpoint): Promise<void> {
    const { lease } = checkpoint
    this.#dirty.delete(lease.runId)
    await this.#writing
    const held = await this.#patiently(() => this.#store([checkpoint]))
    if (!held.includes(lease.runId)) throw leaseLost(lease)
  }

  /** Makes another model the one that answers. Throws a `LeaseLostError`. */
  async switchModel(lease: Lease, modelId: string): Promise<void> {
    await this.#patiently(() => switchModel(this.#database, lease, modelId))
  }

  /** As `drop`, and what has rows of its own is stored before. Throws a `LeaseLostError`. */
  async finish(checkpoint: Checkpoint): Promise<void> {
    const { runId } = checkpoint.lease
    this.#dirty.delete(runId)
    await this.#writing
    if (!isOwnRowsStored({ ...checkpoint, stored: this.#stored.get(runId) ?? null })) await this.save(checkpoint)
    this.#stored.delete(runId)
  }

  /** The run is stored by other means: waits for a write that may be under way, so that none comes after. */
  async drop(runId: string): Promise<void> {
    this.#dirty.delete(runId)
    await this.#writing
    this.#stored.delete(runId)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    await this.#writing
  }

  #tick(): void {
    const startedAt = performance.now()
    this.#writing = this.#writeDirty().finally(() => {
      const restMs = Math.max(0, startedAt + intervalMs - performance.now())
      this.#timer = this.#dirty.size > 0 ? setTimeout(() => this.#tick(), restMs).unref() : null
    })
  }

  async #writeDirty(): Promise<void> {
    const marked = [...this.#dirty]
    this.#dirty.clear()
    if (marked.length === 0) return
    try {
      await this.#store(marked.map(([, read]) => read()))
    } catch (error) {
      this.#log.error({ err: error, runs: marked.length }, 'a checkpoint could not be written; it is tried again')
      for (const [runId, read] of marked) if (!this.#dirty.has(runId)) this.#dirty.set(runId, read)
    }
  }

  /** Returns the ids of the runs whose lease is held. */
  async #store(checkpoints: readonly Checkpoint[]): Promise<readonly string[]> {
    const writes = checkpoints.map((checkpoint) => {
      const stored = this.#stored.get(checkpoint.lease.runId) ?? null
      // Where the write fails, nobody knows whether it was stored: all of it is sent the next time.
      this.#stored.delete(checkpoint.lease.runId)
      return { ...checkpoint, stored }
    })
    const held = await writeCheckpoints(this.#database, writes)
    for (const { lease, text, reasoning, toolCalls, providerState, progress } of writes)
      this.#stored.set(lease.runId, {
        text: text.length,
        reasoning: reasoning?.length ?? 0,
        toolCalls,
        providerState,
        progress,
      })
    return held
  }

  #patiently<Result>(store: () => Promise<Result>): Promise<Result> {
    return storePatiently(store, this.#log)
  }
}
