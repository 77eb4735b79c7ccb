import { setTimeout } from 'node:timers/promises'
import type { PrismaClient } from '../database/generated/client.ts'
import type { Log } from '../platform/log.ts'
import { repeat } from '../platform/repeat.ts'
import { embedPassages } from './embed-passages.ts'
import type { Embedders } from './embedders.ts'
import { type IndexServices, indexMarks } from './index-messages.ts'
import type { VectorIndex } from './vector-index.ts'

export interface IndexerOptions {
  readonly database: PrismaClient
  readonly embedders: Embedders
  readonly index: VectorIndex
  readonly log: Log
}

/** How often rows are looked at that may have been left to do, in milliseconds. */
const everyMs = 500
/** Marks that are taken at once. */
const batchSize = 32
/** Between two batches, for those who wait. */
const pauseMs = 10
/** After a failure of the embedder, doubled with each that follows. */
const firstBackoffMs = 2_000
const longestBackoffMs = 300_000

/**
 * Makes what search finds, behind the conversation: what is left to do is in rows, so that nothing is lost when it ends,
 * and any number of instances share it.
 */
export function keepIndexing(options: IndexerOptions): AsyncDisposable {
  const { log } = options
  const stopping = new AbortController()
  const loops = new AsyncDisposableStack()
  loops.use(repeat({ everyMs, log, task: 'indexing messages' }, () => indexAll(options, stopping.signal)))
  loops.use(repeat({ everyMs, log, task: 'embedding passages' }, createEmbeddingTurn(options, stopping.signal)))
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort()
      await loops.disposeAsync()
    },
  }
}

/** Until nothing is left that can be indexed now, or the signal is aborted. */
export async function indexAll(
  services: IndexServices,
  signal: AbortSignal,
  onProgress: () => Promise<void> = async () => {},
): Promise<void> {
  while (!signal.aborted && (await indexMarks(services, batchSize, signal)) > 0) {
    await onProgress()
    await setTimeout(pauseMs)
  }
}

/** Until each passage has the current model's vector, or the signal is aborted. Throws an `EmbeddingError`. */
export async function embedAll(
  { database, embedders, index }: IndexerOptions,
  signal: AbortSignal,
  onProgress: (passages: number) => void = () => {},
): Promise<void> {
  while (!signal.aborted) {
    const embedded = await embedPassages({ database, embedder: embedders.current(), index }, signal)
    if (embedded === 0) return
    onProgress(embedded)
    await setTimeout(pauseMs)
  }
}

function createEmbeddingTurn(options: IndexerOptions, signal: AbortSignal): () => Promise<void> {
  let failures = 0
  let retryAt = 0
  return async () => {
    if (performance.now() < retryAt) return
    try {
      await embedAll(options, signal)
      failures = 0
    } catch (error) {
      if (signal.aborted) return
      const backoffMs = Math.min(longestBackoffMs, firstBackoffMs * 2 ** failures)
      failures += 1
      retryAt = performance.now() + backoffMs
      options.log.warn({ err: error, backoffMs }, 'passages could not be embedded; trying again later')
    }
  }
}
