import type { PrismaClient } from '../database/generated/client.ts'
import type { Log } from '../platform/log.ts'
import { type Checkpoint, type CheckpointWrite, writeCheckpoints } from './run-rows.ts'

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
  readonly #stored = new Map<string, CheckpointWrite['stored']>()
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
    this.#writing = this.#write().finally(() => {
      const restMs = Math.max(0, startedAt + intervalMs - performance.now())
      this.#timer = this.#dirty.size > 0 ? setTimeout(() => this.#tick(), restMs).unref() : null
    })
  }

  async #write(): Promise<void> {
    const marked = [...this.#dirty]
    this.#dirty.clear()
    if (marked.length === 0) return
    const writes = marked.map(([runId, read]) => ({ ...read(), stored: this.#stored.get(runId) ?? null }))
    try {
      await writeCheckpoints(this.#database, writes)
      for (const { lease, text, reasoning } of writes)
        this.#stored.set(lease.runId, { text: text.length, reasoning: reasoning?.length ?? 0 })
    } catch (error) {
      this.#log.error({ err: error, runs: marked.length }, 'a checkpoint could not be written; it is tried again')
      for (const [runId, read] of marked) {
        // Nobody knows whether it was stored: all of it is sent the next time.
        this.#stored.delete(runId)
        if (!this.#dirty.has(runId)) this.#dirty.set(runId, read)
      }
    }
  }
}
