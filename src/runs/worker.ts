import { newUlid } from '../platform/ids.ts'
import type { Log } from '../platform/log.ts'
import { type AdvanceDependencies, type Advanced, advance } from './advance.ts'
import type { Announcements } from './announcements.ts'
import type { Checkpoints } from './checkpoints.ts'
import { closedEvents } from './closed-calls.ts'
import type { EventStream } from './event-stream.ts'
import { type LoadedRun, loadRun } from './load-run.ts'
import { lostTurn } from './lost-turn.ts'
import { failed, interrupted, type Outcome, stopped } from './outcome.ts'
import { type ParkedStatus, parkRun } from './parked-runs.ts'
import { Recorder } from './recorder.ts'
import { isFinal } from './run-event.ts'
import type { RunQueue } from './run-queue.ts'
import { claimRun, endRun, type Lease, LeaseLostError, releaseRun } from './run-rows.ts'
import { StopReason } from './stop-reason.ts'
import { storePatiently } from './store-patiently.ts'
import { loseCalls } from './tool-call-rows.ts'

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
  /** Somebody wanted it carried while it was: it may have been let go by then, and can go on. */
  isWanted: boolean
}

/** How this instance leaves a run: ended, waiting, put back for any instance to take, or to another that has taken it. */
type Left = Outcome | ParkedStatus | 'released' | 'lease-lost'

/** A run that took its process down this often is not tried again. */
const maxAttempts = 4

/** Carries this instance's runs: takes each under a lease, records what happens, and stores how it ended, or waits. */
export class Worker {
  readonly #dependencies: WorkerDependencies
  readonly #going = new Map<string, Going>()

  constructor(dependencies: WorkerDependencies) {
    this.#dependencies = dependencies
  }

  get going(): ReadonlyMap<string, Going> {
    return this.#going
  }

  /** Takes a run, if it is free, and carries it until it ends or waits. Never throws. */
  async carry(runId: string): Promise<void> {
    const { database, owner, leaseMs, announcements, queue, log } = this.#dependencies
    const already = this.#going.get(runId)
    if (already) {
      already.isWanted = true
      return
    }
    try {
      await announcements.of(runId)
      const lease = await claimRun(database, { runId, owner, leaseMs })
      if (!lease) return
      const stop = new AbortController()
      const { promise: ended, resolve } = Promise.withResolvers<void>()
      const going: Going = { fence: lease.fence, stop, ended, isWanted: false }
      this.#going.set(runId, going)
      try {
        await this.#carryLeased(lease, stop.signal)
      } finally {
        this.#going.delete(runId)
        resolve()
        if (going.isWanted) queue.enqueue(runId)
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
    const { runId, threadId, messageId, draft } = run
    const log = this.#dependencies.log.child({ runId, threadId, userId: run.viewer.id, requestId: run.requestId })
    const recorder = new Recorder({ lease, threadId, messageId }, draft, { stream, checkpoints, flushMs })
    log.info({ modelId: run.modelId, attempt: run.attempts, turns: draft.turns }, 'run started')
    if (!draft.isEmpty)
      stream.resumeMessage(threadId, { id: messageId, runId, text: draft.text, reasoning: draft.reasoning })
    // Whoever decided on its calls has told so already.
    if (stream.liveRun(threadId, runId)?.status !== 'RUNNING')
      recorder.record({ type: 'run-status-changed', status: 'RUNNING' })

    const left = await this.#play(run, lease, recorder, log, signal)
    recorder.flush()
    switch (left) {
      case 'lease-lost':
        await checkpoints.drop(runId)
        return this.#letGo(run, log)
      case 'released':
        await checkpoints.drop(runId)
        await releaseRun(database, lease, { isBegun: draft.turns > 0, usage: draft.usage })
        return log.info('run put back into its line')
      case 'AWAITING_APPROVAL':
      case 'AWAITING_TOOL_RESULT':
        await checkpoints.drop(runId)
        await this.#tellParked(run, left)
        return log.info({ status: left }, 'run waits')
      default:
        await this.#end(run, lease, recorder, left, log).catch((error: unknown) => {
          this.#letGo(run, log)
          if (!(error instanceof LeaseLostError)) throw error
        })
    }
  }

  /** Whoever decides on a call now, or ends the run, says so in the stream as well, and must have the last word there. */
  async #tellParked({ runId, threadId }: LoadedRun, status: ParkedStatus): Promise<void> {
    const { database, stream } = this.#dependencies
    const where = { id: runId, thread: { deletedAt: null } }
    const read = () => database.run.findFirst({ where, select: { status: true } })
    const stored = await read()
    const live = stream.liveRun(threadId, runId)
    if (!stored || isFinal(stored.status) || (live && isFinal(live.status))) return
    stream.append(threadId, runId, { type: 'run-status-changed', status })
    const now = await read()
    if (!now || isFinal(now.status) || now.status === status) return
    stream.append(threadId, runId, { type: 'run-status-changed', status: now.status })
  }

  /** Someone else, or a later attempt, writes the run from what is stored: what the stream holds of it is void. */
  #letGo({ threadId }: LoadedRun, log: Log): void {
    this.#dependencies.stream.resetThread(threadId)
    log.warn('the run is let go: its lease was taken, or its end cannot be stored')
  }

  async #play(run: LoadedRun, lease: Lease, recorder: Recorder, log: Log, signal: AbortSignal): Promise<Left> {
    const { draft } = run
    const isCut = draft.isInTurn || run.attempts > maxAttempts
    if (isCut || (run.cancelRequested && run.attempts > 1))
      recorder.record(await lostTurn(run, this.#dependencies, signal))
    if (run.cancelRequested) return stopped
    if (isCut) return interrupted('The server stopped during this answer.')
    try {
      return await this.#advance(run, lease, recorder, log, signal)
    } catch (error) {
      if (error instanceof LeaseLostError) return 'lease-lost'
      if (signal.reason instanceof StopReason && signal.aborted)
        switch (signal.reason.kind) {
          case 'cancelled':
            return stopped
          case 'lease-lost':
            return 'lease-lost'
          case 'shutdown':
            return this.#putBack(run, lease, recorder, log)
        }
      return failed(error, log)
    }
  }

  async #advance(run: LoadedRun, lease: Lease, recorder: Recorder, log: Log, signal: AbortSignal): Promise<Left> {
    const { database } = this.#dependencies
    for (;;) {
      const events = advance(run, recorder, { ...this.#dependencies, log }, signal)
      const advanced = await recordAll(events, recorder)
      // An agent at the provider may say that it was stopped there.
      if (advanced === 'ended')
        return recorder.draft.finishReason === 'interrupted' ? stopped : { status: 'COMPLETED', error: null }
      const parking = await storePatiently(() => parkRun(database, lease), log)
      if (parking === 'stop') return stopped
      if (parking !== 'go-on') return parking
    }
  }

  /** Leaves a run to whoever starts next, where nothing is lost by it. Calls that are under way are given up. */
  async #putBack(run: LoadedRun, lease: Lease, recorder: Recorder, log: Log): Promise<Left> {
    const { database } = this.#dependencies
    const { draft, messageId } = run
    if (draft.isInTurn) return interrupted('The server was stopped during this answer.')
    if (draft.turns === 0) return 'released'
    try {
      for (const toolCallId of await storePatiently(() => loseCalls(database, lease), log))
        recorder.record({ type: 'tool-call-changed', messageId, toolCallId })
      const parking = await storePatiently(() => parkRun(database, lease), log)
      return parking === 'stop' ? stopped : parking === 'go-on' ? 'released' : parking
    } catch (error) {
      if (error instanceof LeaseLostError) return 'lease-lost'
      throw error
    }
  }

  async #end(run: LoadedRun, lease: Lease, recorder: Recorder, outcome: Outcome, log: Log): Promise<void> {
    const { database, stream, queue, checkpoints, callerTokens } = this.#dependencies
    const { runId, threadId, messageId } = run
    const { usage } = recorder.draft
    const checkpoint = recorder.checkpoint()
    const ending = { outcome, checkpoint, usage, revision: newUlid() }
    await checkpoints.finish(checkpoint)
    const closed = await storePatiently(() => endRun(database, lease, ending), log)
    callerTokens.drop(runId)
    for (const event of closedEvents(messageId, closed)) stream.append(threadId, runId, event)
    stream.append(threadId, runId, { type: 'message-finished', messageId })
    stream.append(threadId, runId, { type: 'run-status-changed', status: outcome.status })
    log.info({ status: outcome.status, code: outcome.error?.code, usage }, 'run ended')
    const next = await database.run.findFirst({
      where: { threadId, status: 'QUEUED' },
      orderBy: { id: 'asc' },
      select: { id: true },
    })
    if (next) queue.enqueue(next.id)
  }
}

async function recordAll(events: ReturnType<typeof advance>, recorder: Recorder): Promise<Advanced> {
  for (;;) {
    const next = await events.next()
    if (next.done) return next.value
    for (const event of next.value) recorder.record(event)
  }
}
