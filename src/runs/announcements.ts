/**
 * Runs that are being stored or moved on, and of which the stream has not been told yet: a run is not carried before, so
 * that what it does comes after what made it go.
 */
export class Announcements {
  readonly #pending = new Map<string, Set<Promise<void>>>()

  /** Call before others can see the change, and the returned function after the stream was told, or never will be. */
  begin(runId: string): () => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    const ofRun = this.#pending.get(runId) ?? new Set()
    this.#pending.set(runId, ofRun.add(promise))
    return () => {
      ofRun.delete(promise)
      if (ofRun.size === 0) this.#pending.delete(runId)
      resolve()
    }
  }

  async of(runId: string): Promise<void> {
    await Promise.all(this.#pending.get(runId) ?? [])
  }
}
