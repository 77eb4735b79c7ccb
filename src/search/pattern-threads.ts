import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { isOutOfMemory } from '../platform/errors.ts'
import type { Log } from '../platform/log.ts'
import { orAborted } from '../platform/waiting.ts'
import type { PatternRequest, PatternResponse } from './pattern-worker.ts'

/** Long, since a machine may be busy; a thread that takes longer is broken. */
const startTimeoutMs = 30_000
/** What the slowest passage may take on after a request's budget is spent, in milliseconds: then the thread is ended. */
const graceMs = 300
/** After this long without work a thread ends. */
const idleMs = 60_000
const maxMemoryMb = 128

/**
 * Threads that match patterns: RE2 takes a time that grows with the text and the pattern alone, but it is still too long
 * for the thread that serves everyone. There are as many as are asked at once, and they keep no process alive.
 */
export class PatternThreads implements AsyncDisposable {
  readonly #log: Log
  readonly #idle = new Map<Worker, NodeJS.Timeout>()
  readonly #busy = new Set<Worker>()
  #isDisposed = false

  constructor(log: Log) {
    this.#log = log
  }

  /** Null where it took more time or memory than it may. Throws the signal's reason. */
  async ask(request: PatternRequest, signal: AbortSignal): Promise<Exclude<PatternResponse, 'ready'> | null> {
    signal.throwIfAborted()
    if (this.#isDisposed) throw new Error('the server is stopping')
    const worker = this.#taken() ?? (await this.#started(signal))
    try {
      signal.throwIfAborted()
      const answered = orAborted(messageOf(worker, request.budget.wallMs + graceMs), signal)
      worker.postMessage(request)
      const response = await answered
      if (response === 'ready') throw new Error('the thread was asked before it was ready')
      this.#keep(worker)
      return response
    } catch (error) {
      await this.#end(worker)
      signal.throwIfAborted()
      if (this.#isDisposed) throw error
      if (error !== tooLate && !isOutOfMemory(error))
        this.#log.error({ err: error }, 'a thread that matches patterns ended')
      return null
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true
    await Promise.all([...this.#idle.keys(), ...this.#busy].map((worker) => this.#end(worker)))
  }

  #taken(): Worker | null {
    const [worker] = this.#idle.keys()
    if (!worker) return null
    clearTimeout(this.#idle.get(worker))
    this.#idle.delete(worker)
    this.#busy.add(worker)
    return worker
  }

  async #started(signal: AbortSignal): Promise<Worker> {
    const worker = new Worker(new URL('./pattern-worker.ts', import.meta.url), {
      name: 'patterns',
      // It runs what others wrote: it is told no secrets.
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: maxMemoryMb, maxYoungGenerationSizeMb: 16 },
    })
    worker.unref()
    this.#busy.add(worker)
    // Whoever waits for an answer hears of it as well.
    worker.on('error', (error) => this.#log.debug({ err: error }, 'a thread that matches patterns failed'))
    worker.on('exit', () => void this.#end(worker))
    try {
      await orAborted(messageOf(worker, startTimeoutMs), signal)
      return worker
    } catch (error) {
      await this.#end(worker)
      throw error
    }
  }

  #keep(worker: Worker): void {
    if (!this.#busy.delete(worker)) return
    this.#idle.set(worker, setTimeout(() => void this.#end(worker), idleMs).unref())
  }

  async #end(worker: Worker): Promise<void> {
    clearTimeout(this.#idle.get(worker))
    this.#idle.delete(worker)
    this.#busy.delete(worker)
    await worker.terminate()
  }
}

const tooLate = new Error('the thread took too long')

/** What the thread says next. Throws `tooLate`, or what ended the thread. */
async function messageOf(worker: Worker, timeoutMs: number): Promise<PatternResponse> {
  const over = new AbortController()
  const { signal } = over
  try {
    const said = once(worker, 'message', { signal }).then(([response]: PatternResponse[]) => response)
    const exited = once(worker, 'exit', { signal }).then(() => Promise.reject(new Error('the thread exited')))
    const late = delay(timeoutMs, undefined, { signal, ref: false }).then(() => Promise.reject(tooLate))
    const response = await Promise.race([said, exited, late])
    if (response === undefined) throw new Error('the thread said nothing')
    return response
  } finally {
    over.abort()
  }
}
