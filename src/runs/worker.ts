import { messageOf, RequestError } from '../platform/errors.ts'
import { newUlid } from '../platform/ids.ts'
import type { Log } from '../platform/log.ts'
import type { TurnFinished } from '../providers/model-event.ts'
import { ProviderError } from '../providers/provider-error.ts'
import { estimateUsage } from '../providers/tokens.ts'
import { addUsage, noUsage } from '../providers/usage.ts'
import { type AdvanceDependencies, advance } from './advance.ts'
import type { Announcements } from './announcements.ts'
import type { Checkpoints } from './checkpoints.ts'
import type { EventStream } from './event-stream.ts'
import { type LoadedRun, loadRun } from './load-run.ts'
import { readPrompt } from './prompt.ts'
import { Recorder } from './recorder.ts'
import type { RunQueue } from './run-queue.ts'
import { claimRun, endRun, type Lease, LeaseLostError, type Outcome, releaseRun } from './run-rows.ts'
import { StopReason } from './stop-reason.ts'
import { storePatiently } from './store-patiently.ts'

export interface WorkerDependencies extends AdvanceDependencies {
  readonly stream: EventStream
  readonly queue: RunQueue
  readonly checkpoints: Checkpoints
  readonly announcements: Announcements
  /** The name under which this instance holds leases. */
  readonly owner: string
  readonly leaseMs: number
  readonly flushMs: number
}

interface Going {
  readonly fence: number
  readonly stop: AbortController
  readonly ended: Promise<void>
}

/** A run that took its process down this often is not tried again. */
const maxAttempts = 4

/** Carries this instance's runs: takes each under a lease, records what happens, and stores how it ended. */
export class Worker {
  readonly #dependencies: WorkerDependencies
  readonly #going = new Map<string, Going>()

  constructor(dependencies: WorkerDependencies) {
    this.#dependencies = dependencies
  }

  get going(): ReadonlyMap<string, Going> {
    return this.#going
  }

  /** Takes a run, if it is free, and carries it until it ends. Never throws. */
  async carry(runId: string): Promise<void> {
    const { database, owner, leaseMs, announcements, log } = this.#dependencies
    if (this.#going.has(runId)) return
    try {
      await announcements.of(runId)
      const lease = await claimRun(database, { runId, owner, leaseMs })
      if (!lease) return
      const stop = new AbortController()
      const { promise: ended, resolve } = Promise.withResolvers<void>()
      this.#going.set(runId, { fence: lease.fence, stop, ended })
      try {
        await this.#carryLeased(lease, stop.signal)
      } finally {
        this.#going.delete(runId)
        resolve()
      }
    } catch (error) {
      // Its lease runs out, and recovery takes it from there.
      log.error({ err: error, runId }, 'a run could not be carried on')
    }
  }

  /** Stops a run that is going here; returns when that is stored. False where it isn't here. */
  async stop(runId: string, kind: StopReason['kind']): Promise<boolean> {
    const going = this.#going.get(runId)
    if (!going) return false
    going.stop.abort(new StopReason(kind))
    await going.ended
    return true
  }

  async #carryLeased(lease: Lease, signal: AbortSignal): Promise<void> {
    const { database, stream, checkpoints, flushMs } = this.#dependencies
    const run = await loadRun(database, lease.runId)
    const { threadId, messageId } = run
    const log = this.#dependencies.log.child({
      runId: run.id,
      threadId,
      userId: run.viewer.id,
      requestId: run.requestId,
    })
    const recorder = new Recorder({ lease, threadId, messageId }, run.draft, { stream, checkpoints, flushMs })
    log.info({ modelId: run.modelId, attempt: lease.fence }, 'run started')
    if (!run.draft.isEmpty)
      stream.resumeMessage(threadId, {
        id: messageId,
        runId: run.id,
        text: run.draft.text,
        reasoning: run.draft.reasoning,
      })
    recorder.record({ type: 'run-status-changed', status: 'RUNNING' })

    const outcome = await this.#outcome(run, lease, recorder, log, signal)
    recorder.flush()
    if (outcome === 'lease-lost' || outcome === 'released') await checkpoints.drop(run.id)
    if (outcome === 'lease-lost') return this.#letGo(run, log)
    if (outcome === 'released') {
      await releaseRun(database, lease)
      return log.info('run put back into its line')
    }
    await this.#end(run, lease, recorder, outcome, log).catch((error: unknown) => {
      this.#letGo(run, log)
      if (!(error instanceof LeaseLostError)) throw error
    })
  }

  /** Someone else, or a later attempt, writes the run from what is stored: what the stream holds of it is void. */
  #letGo({ threadId }: LoadedRun, log: Log): void {
    this.#dependencies.stream.resetThread(threadId)
    log.warn('the run is let go: its lease was taken, or its end cannot be stored')
  }

  async #outcome(
    run: LoadedRun,
    lease: Lease,
    recorder: Recorder,
    log: Log,
    signal: AbortSignal,
  ): Promise<Outcome | 'released' | 'lease-lost'> {
    if (run.cancelRequested) {
      if (lease.fence > 1) recorder.record(await this.#lostTurns(run))
      return { status: 'INTERRUPTED', error: null }
    }
    if (!run.draft.isEmpty || lease.fence > maxAttempts) {
      recorder.record(await this.#lostTurns(run))
      return interrupted('The server stopped during this answer.')
    }
    try {
      for await (const events of advance(run, recorder, { ...this.#dependencies, log }, signal))
        for (const event of events) recorder.record(event)
      // An agent at the provider may say that it was stopped there.
      const isInterrupted = recorder.draft.finishReason === 'interrupted'
      return { status: isInterrupted ? 'INTERRUPTED' : 'COMPLETED', error: null }
    } catch (error) {
      if (error instanceof LeaseLostError) return 'lease-lost'
      if (signal.reason instanceof StopReason && signal.aborted)
        switch (signal.reason.kind) {
          case 'cancelled':
            return { status: 'INTERRUPTED', error: null }
          case 'lease-lost':
            return 'lease-lost'
          case 'shutdown':
            return recorder.draft.isEmpty ? 'released' : interrupted('The server was stopped during this answer.')
        }
      return failed(error, log)
    }
  }

  /** What the turns of a run have used that a crash cut short, as far as it is known. */
  async #lostTurns({ viewer, draft, ...run }: LoadedRun): Promise<TurnFinished> {
    const { database, context } = this.#dependencies
    let usage = noUsage
    for (let step = 0; step < Math.max(1, draft.step); step++) {
      const transcript = await readPrompt(viewer, database, { ...run, step }, context)
      usage = addUsage(usage, await estimateUsage(transcript, step === 0 ? draft.reasoning + draft.text : ''))
    }
    return { type: 'turn-finished', reason: 'other', rawReason: null, usage }
  }

  async #end(run: LoadedRun, lease: Lease, recorder: Recorder, outcome: Outcome, log: Log): Promise<void> {
    const { database, stream, queue, checkpoints } = this.#dependencies
    const { usage } = recorder.draft
    const checkpoint = recorder.checkpoint()
    const ending = { outcome, checkpoint, usage, revision: newUlid() }
    await checkpoints.finish(checkpoint)
    await storePatiently(() => endRun(database, lease, ending), log)
    stream.append(run.threadId, run.id, { type: 'message-finished', messageId: run.messageId })
    stream.append(run.threadId, run.id, { type: 'run-status-changed', status: outcome.status })
    log.info({ status: outcome.status, code: outcome.error?.code, usage }, 'run ended')
    const next = await database.run.findFirst({
      where: { threadId: run.threadId, status: 'QUEUED' },
      orderBy: { id: 'asc' },
      select: { id: true },
    })
    if (next) queue.enqueue(next.id)
  }
}

function interrupted(message: string): Outcome {
  return { status: 'INTERRUPTED', error: { code: 'INTERNAL', message, retryable: true } }
}

function failed(error: unknown, log: Log): Outcome {
  if (error instanceof ProviderError) {
    const { code, message, retryable } = error
    log.warn({ code, cause: error.cause === undefined ? undefined : messageOf(error.cause) }, message)
    return { status: 'FAILED', error: { code, message, retryable } }
  }
  // The model was taken out of the configuration since the run was stored.
  if (error instanceof RequestError)
    return { status: 'FAILED', error: { code: 'PROVIDER_ERROR', message: error.message, retryable: false } }
  log.error({ err: error }, 'a run failed unexpectedly')
  return { status: 'FAILED', error: { code: 'INTERNAL', message: 'Something went wrong.', retryable: true } }
}
