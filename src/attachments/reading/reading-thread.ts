import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { isOutOfMemory } from '../../platform/errors.ts'
import type { Log } from '../../platform/log.ts'
import { orAborted } from '../../platform/waiting.ts'
import { excessiveReading, failedReading, type Reading } from './reading.ts'
import type { ReadingRequest, ReadingResponse } from './reading-worker.ts'

export interface ReadingLimits {
  /** How long one document may take, in milliseconds. */
  readonly timeMs: number
  /** What the thread may hold on its heap, and as much again in buffers beside it, in bytes. */
  readonly memoryBytes: number
  /** How long the thread waits for another document before it ends, in milliseconds. */
  readonly idleMs: number
}

/** How often the thread's memory is looked at, in milliseconds: it grows by some tens of megabytes in between. */
const lookMs = 25

/**
 * A thread that reads one document after the other: none may be asked for before the last is read. One that cannot be read
 * ends the thread, whatever is left of it there, and the next gets a new one.
 */
export class ReadingThread implements AsyncDisposable {
  readonly #limits: ReadingLimits
  readonly #log: Log
  #worker: Worker | null = null
  #idle: NodeJS.Timeout | undefined

  constructor(limits: ReadingLimits, log: Log) {
    this.#limits = limits
    this.#log = log
  }

  /** Takes the bytes away from its caller. Throws the signal's reason. */
  async read(request: ReadingRequest, signal: AbortSignal): Promise<Reading> {
    signal.throwIfAborted()
    clearTimeout(this.#idle)
    const worker = this.#started()
    const over = new AbortController()
    try {
      const answer = answerOf(worker, over.signal)
      worker.postMessage(request, [request.bytes.buffer])
      const excess = excessOf(worker, this.#limits, over.signal)
      const { reading, cause } = await orAborted(Promise.race([answer, excess]), signal)
      if (cause !== null) this.#log.debug({ cause }, 'a file is damaged')
      if (reading.status !== 'READ') await this.#end()
      else this.#idle = setTimeout(() => void this.#end(), this.#limits.idleMs).unref()
      return reading
    } catch (error) {
      await this.#end()
      signal.throwIfAborted()
      return this.#explain(error)
    } finally {
      over.abort()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#idle)
    await this.#end()
  }

  #started(): Worker {
    if (this.#worker) return this.#worker
    const worker = new Worker(new URL('./reading-worker.ts', import.meta.url), {
      name: 'reading',
      // It reads what others wrote: it is told no secrets.
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: this.#limits.memoryBytes / 1_048_576, maxYoungGenerationSizeMb: 16 },
    })
    worker.unref()
    // Whoever waits for an answer hears of it as well.
    worker.on('error', (error) => this.#log.debug({ err: error }, 'the thread that reads files failed'))
    worker.on('exit', () => {
      if (worker === this.#worker) this.#worker = null
    })
    this.#worker = worker
    return worker
  }

  async #end(): Promise<void> {
    const worker = this.#worker
    this.#worker = null
    await worker?.terminate()
  }

  #explain(error: unknown): Reading {
    if (error instanceof Excess) return excessiveReading(error.message)
    if (isOutOfMemory(error)) return excessiveReading(tooMuchMemory)
    this.#log.error({ err: error }, 'the thread that reads files ended')
    return failedReading('The file could not be read.')
  }
}

/** A document took more than it may: the message is for people. */
class Excess extends Error {}

const tooMuchTime = 'The file takes too long to read.'
const tooMuchMemory = 'The file takes too much memory to read.'

/** Throws what ended the thread. */
async function answerOf(worker: Worker, signal: AbortSignal): Promise<ReadingResponse> {
  const answered = once(worker, 'message', { signal })
  const exited = once(worker, 'exit', { signal }).then(() => {
    throw new Error('the thread exited')
  })
  const [response] = await Promise.race([answered, exited])
  return response
}

/** Throws once the thread has taken too much. Of its memory that is the buffers: its heap has a limit of its own. */
async function excessOf(worker: Worker, { timeMs, memoryBytes }: ReadingLimits, signal: AbortSignal): Promise<never> {
  const late = delay(timeMs, tooMuchTime, { signal, ref: false })
  const large = (async () => {
    while ((await buffersOf(worker)) <= memoryBytes) await delay(lookMs, undefined, { signal, ref: false })
    return tooMuchMemory
  })()
  throw new Excess(await Promise.race([late, large]))
}

/** In bytes; none where the thread has ended. */
async function buffersOf(worker: Worker): Promise<number> {
  const heap = await worker.getHeapStatistics().catch(() => null)
  return heap?.external_memory ?? 0
}
