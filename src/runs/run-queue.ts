/**
 * The line of runs that are to be carried forward. It may lose and repeat entries: the database knows which runs wait,
 * and a run that is taken twice is refused the second time.
 */
export interface RunQueue extends AsyncDisposable {
  enqueue(runId: string): void
  /** Calls `carry` for each run, for at most so many at a time as the queue was made for. */
  start(carry: (runId: string) => Promise<void>): void
  /** Starts no more runs. */
  stop(): void
}
