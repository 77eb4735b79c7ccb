/**
 * Runs that are being stored, and whose messages the stream has not been told of yet: a run is not begun before, so that
 * its messages come before its deltas.
 */
export class Announcements {
  readonly #pending = new Map<string, Promise<void>>()

  /** Call before the run can be seen by others, and the returned function after the stream was told, or never will be. */
  begin(runId: string): () => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#pending.set(runId, promise)
    return () => {
      this.#pending.delete(runId)
      resolve()
    }
  }

  async of(runId: string): Promise<void> {
    await this.#pending.get(runId)
  }
}
