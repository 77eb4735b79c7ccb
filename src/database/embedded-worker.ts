import { chmod } from 'node:fs/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { vector } from '@electric-sql/pglite-pgvector'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'
import { SharedPGlite } from './shared-pglite.ts'

/** What the worker is started with. */
export interface EmbeddedWorkerData {
  /** Where the rows are, or undefined to keep them in memory. */
  directory: string | undefined
  socketPath: string
  maxConnections: number
}

/** What the worker says. It is told one thing, by any message: to close. */
export type EmbeddedWorkerMessage =
  | { type: 'ready' }
  | { type: 'output'; line: string }
  | { type: 'crash'; reason: string }

if (parentPort === null) throw new Error('embedded-worker.ts runs as a worker thread only')
const port = parentPort
const { directory, socketPath, maxConnections } = workerData as EmbeddedWorkerData

const say = (message: EmbeddedWorkerMessage) => port.postMessage(message)
const output = (line: string) => {
  say({ type: 'output', line })
  return false
}

const postgres = await SharedPGlite.start(
  {
    ...(directory === undefined ? {} : { dataDir: directory }),
    extensions: { vector },
    // Segments of 1 MB instead of 16: what is copied at the first start, and lies around afterwards, is that much less.
    initDbStartParams: ['--wal-segsize=1', '--no-sync'],
    onStdout: output,
    onStderr: output,
  },
  (error) => {
    say({ type: 'crash', reason: error instanceof Error ? error.message : String(error) })
    process.exit(1)
  },
)

const server = new PGLiteSocketServer({ db: postgres, path: socketPath, maxConnections })
await server.start()
await chmod(socketPath, 0o600)

port.once('message', async () => {
  await server.stop()
  await postgres.exec('CHECKPOINT')
  await postgres.close()
  port.close()
})
say({ type: 'ready' })
