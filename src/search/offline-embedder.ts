import { Worker } from 'node:worker_threads'
import pLimit from 'p-limit'
import { messageOf } from '../platform/errors.ts'
import { orAborted } from '../platform/waiting.ts'
import { type Embedder, EmbeddingError, normalised, type Vector } from './embedder.ts'
import type { OfflineRequest, OfflineResponse } from './offline-embedding-worker.ts'

/** Its vectors' name; no provider can have it, since its ids hold no parenthesis. */
export const offlineModel = '(offline)/universal-sentence-encoder-lite-en'

/** Small, since a query waits for what is being embedded: a passage takes up to 100 ms. */
const batchSize = 4
const timeoutMs = 60_000
/** The thread takes 200 MB, and half a second to start: after this long without work it ends. */
const idleMs = 300_000
const maxWaiting = 64

/**
 * The Universal Sentence Encoder (https://arxiv.org/abs/1803.11175), its lite form, from a package: 512 dimensions,
 * English. It runs in a thread of its own, from the first text on.
 */
export class OfflineEmbedder implements Embedder, AsyncDisposable {
  readonly name = offlineModel
  readonly isEnglishOnly = true
  readonly batchSize = batchSize
  readonly #oneByOne = pLimit(1)
  #thread: EmbeddingThread | null = null
  #idle: NodeJS.Timeout | undefined
  #isDisposed = false

  async embed(texts: readonly string[], _purpose: unknown, signal: AbortSignal): Promise<readonly Vector[]> {
    if (this.#oneByOne.pendingCount >= maxWaiting) throw new EmbeddingError('too many texts wait to be embedded')
    const embedded = this.#oneByOne(() => {
      signal.throwIfAborted()
      return this.#ask(texts)
    })
    return orAborted(embedded, signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true
    this.#oneByOne.clearQueue()
    await this.#end()
  }

  async #ask(texts: readonly string[]): Promise<readonly Vector[]> {
    if (this.#isDisposed) throw new EmbeddingError('the server is stopping')
    clearTimeout(this.#idle)
    this.#thread ??= new EmbeddingThread()
    try {
      const vectors = await this.#thread.ask(texts)
      return vectors.map(normalised)
    } catch (error) {
      await this.#end()
      throw new EmbeddingError(messageOf(error), { cause: error })
    } finally {
      this.#idle = setTimeout(() => void this.#end(), idleMs).unref()
    }
  }

  async #end(): Promise<void> {
    clearTimeout(this.#idle)
    const thread = this.#thread
    this.#thread = null
    await thread?.end()
  }
}

/** The thread; it is asked one thing at a time, and keeps no process alive. */
class EmbeddingThread {
  readonly #worker = new Worker(new URL('./offline-embedding-worker.ts', import.meta.url), {
    name: 'embedding',
    env: {},
  })
  #lastId = 0

  constructor() {
    this.#worker.unref()
  }

  async ask(texts: readonly string[]): Promise<readonly Vector[]> {
    const request: OfflineRequest = { id: ++this.#lastId, texts }
    const { promise, resolve, reject } = Promise.withResolvers<readonly Vector[]>()
    const timer = setTimeout(() => reject(new Error(`it took more than ${timeoutMs / 1000} s`)), timeoutMs)
    const onMessage = (response: OfflineResponse) => {
      if (response.id !== request.id) return
      if ('vectors' in response) resolve(response.vectors)
      else reject(new Error(response.problem))
    }
    const onExit = (code: number) => reject(new Error(`the embedding thread ended with code ${code}`))
    this.#worker.on('message', onMessage).on('error', reject).on('exit', onExit)
    this.#worker.postMessage(request)
    return promise.finally(() => {
      clearTimeout(timer)
      this.#worker.off('message', onMessage).off('error', reject).off('exit', onExit)
    })
  }

  end(): Promise<unknown> {
    return this.#worker.terminate()
  }
}
