import { Worker } from 'node:worker_threads'
import { isOutOfMemory, messageOf } from './errors.ts'
import type { SchemaRequest, SchemaResponse } from './json-schema-worker.ts'
import type { Log } from './log.ts'

export interface SchemaThreadLimits {
  /**
   * How long one check may take, in milliseconds, the compilation of its schema included: this long by the clock, and then
   * as much of the processor's time, which a busy machine gives more slowly.
   */
  readonly limitMs: number
  /** How many checks may wait. */
  readonly maxWaiting: number
  /** Of the thread's own memory, in mebibytes. */
  readonly maxMemoryMb: number
}

export interface SchemaAnswer {
  readonly problem: string | null
  /** Whether it took more time or memory than one check may. */
  readonly isTooSlow: boolean
}

interface Job {
  readonly request: SchemaRequest
  readonly resolve: (answer: SchemaAnswer) => void
}

/** Long, since a machine may be busy; a thread that takes longer is broken. */
const startTimeoutMs = 30_000
/** Of a check by the clock, in multiples of `limitMs`, however busy the machine. */
const maxPatience = 10
const tooLong = 'It cannot be checked: the schema takes too long.'

/**
 * One thread that checks, one check after the other. Where one takes too long the thread is ended, and those that waited
 * are checked by the next. It runs from the first check on, and keeps no process alive.
 */
export class SchemaThread implements AsyncDisposable {
  readonly #limits: SchemaThreadLimits
  readonly #log: Log
  readonly #waiting = new Set<Job>()
  readonly #ending = new Set<Promise<unknown>>()
  #worker: Worker | null = null
  #isReady = false
  #isDisposed = false
  #current: Job | null = null
  #timer: NodeJS.Timeout | undefined

  constructor(limits: SchemaThreadLimits, log: Log) {
    this.#limits = limits
    this.#log = log
  }

  /** Throws the signal's reason. */
  async ask(request: SchemaRequest, signal: AbortSignal): Promise<SchemaAnswer> {
    signal.throwIfAborted()
    if (this.#isDisposed) return failed('It cannot be checked: the server is stopping.')
    if (this.#waiting.size >= this.#limits.maxWaiting) return failed('It cannot be checked: too many checks wait.')
    const { promise, resolve, reject } = Promise.withResolvers<SchemaAnswer>()
    const job: Job = { request, resolve }
    const abort = () => {
      this.#waiting.delete(job)
      reject(signal.reason)
    }
    signal.addEventListener('abort', abort, { once: true })
    this.#waiting.add(job)
    this.#next()
    return await promise.finally(() => signal.removeEventListener('abort', abort))
  }

  warm(): void {
    if (this.#worker || this.#isDisposed) return
    const worker = new Worker(new URL('./json-schema-worker.ts', import.meta.url), {
      name: 'json-schema',
      // It compiles what others wrote: it is told no secrets.
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: this.#limits.maxMemoryMb, maxYoungGenerationSizeMb: 16 },
    })
    worker.unref()
    this.#worker = worker
    this.#isReady = false
    this.#awaitStart(worker)
    worker.on('message', (response: SchemaResponse) => this.#hear(worker, response))
    worker.on('error', (error) => this.#lose(worker, error))
    worker.on('exit', (code) => this.#lose(worker, new Error(`the thread ended with code ${code}`)))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true
    if (this.#worker) this.#end(this.#worker)
    this.#giveUp('It cannot be checked: the server is stopping.', false)
    this.#giveUpWaiting('It cannot be checked: the server is stopping.')
    await Promise.all(this.#ending)
  }

  #next(): void {
    if (this.#current || this.#isDisposed) return
    const [job] = this.#waiting
    if (!job) return
    this.warm()
    if (!this.#worker || !this.#isReady) return
    this.#waiting.delete(job)
    this.#current = job
    this.#watch(this.#worker, job)
    this.#worker.postMessage(job.request)
  }

  #hear(worker: Worker, response: SchemaResponse): void {
    if (worker !== this.#worker) return
    clearTimeout(this.#timer)
    if (response === 'ready') this.#isReady = true
    else {
      this.#current?.resolve({ problem: response.problem, isTooSlow: false })
      this.#current = null
    }
    this.#next()
  }

  #awaitStart(worker: Worker): void {
    this.#timer = setTimeout(() => {
      if (worker !== this.#worker) return
      this.#end(worker)
      this.#giveUpWaiting('It cannot be checked: the checking thread did not start.')
    }, startTimeoutMs).unref()
  }

  #watch(worker: Worker, job: Job): void {
    const { limitMs } = this.#limits
    const startedAt = performance.now()
    let usedBefore: number | undefined
    const look = async () => {
      const usedMs = await processorTime(worker, limitMs)
      if (worker !== this.#worker || job !== this.#current) return
      usedBefore ??= usedMs
      const leftMs = limitMs - (usedMs - usedBefore)
      if (leftMs > 0 && performance.now() - startedAt < maxPatience * limitMs)
        this.#timer = setTimeout(look, Math.max(leftMs, 10)).unref()
      else {
        this.#end(worker)
        this.#giveUp(tooLong, true)
        this.#next()
      }
    }
    this.#timer = setTimeout(look, limitMs).unref()
  }

  /** The thread has ended by itself: of a check that took too much memory, or for a reason that nobody foresaw. */
  #lose(worker: Worker, error: Error): void {
    if (worker !== this.#worker) return
    const isMemory = isOutOfMemory(error)
    if (!isMemory) this.#log.error({ err: error }, 'the thread that checks JSON Schemas ended')
    if (!this.#isReady) this.#giveUpWaiting(`It cannot be checked: ${messageOf(error)}.`)
    this.#end(worker)
    this.#giveUp(`It cannot be checked: ${isMemory ? 'it takes too much memory' : messageOf(error)}.`, true)
    this.#next()
  }

  #end(worker: Worker): void {
    clearTimeout(this.#timer)
    this.#worker = null
    this.#isReady = false
    const ending = worker.terminate().finally(() => this.#ending.delete(ending))
    this.#ending.add(ending)
  }

  #giveUp(problem: string, isTooSlow: boolean): void {
    this.#current?.resolve({ problem, isTooSlow })
    this.#current = null
  }

  #giveUpWaiting(problem: string): void {
    for (const { resolve } of this.#waiting) resolve(failed(problem))
    this.#waiting.clear()
  }
}

/** What the thread has used so far, in milliseconds; infinite where it does not say in time. */
async function processorTime(worker: Worker, timeoutMs: number): Promise<number> {
  const { promise: silence, resolve } = Promise.withResolvers<null>()
  const timer = setTimeout(() => resolve(null), timeoutMs).unref()
  const usage = await Promise.race([worker.cpuUsage().catch(() => null), silence])
  clearTimeout(timer)
  return usage ? (usage.user + usage.system) / 1000 : Number.POSITIVE_INFINITY
}

function failed(problem: string): SchemaAnswer {
  return { problem, isTooSlow: false }
}
