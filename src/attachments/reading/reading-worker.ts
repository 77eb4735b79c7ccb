import { parentPort } from 'node:worker_threads'
import { messageOf } from '../../platform/errors.ts'
import { loadFormat } from './documents.ts'
import { failedReading, type Reading } from './reading.ts'

/** A document; its bytes are handed over. */
export interface ReadingRequest {
  readonly mediaType: string
  readonly bytes: Uint8Array<ArrayBuffer>
}

export interface ReadingResponse {
  readonly reading: Reading
  /** What the format's library threw, for the log. */
  readonly cause: string | null
}

if (parentPort === null) throw new Error('reading-worker.ts runs as a worker thread only')
const port = parentPort
port.on('message', async ({ mediaType, bytes }: ReadingRequest) => {
  const readDocument = await loadFormat(mediaType)
  // Libraries throw what they like at a file that is not as it should be.
  const response: ReadingResponse = await readDocument(bytes).then(
    (reading) => ({ reading, cause: null }),
    (error) => ({ reading: failedReading('The file is damaged.'), cause: messageOf(error) }),
  )
  port.postMessage(response)
})
