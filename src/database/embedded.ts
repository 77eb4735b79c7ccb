import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { assertNever } from '../platform/assert-never.ts'
import { messageOf } from '../platform/errors.ts'
import type { EmbeddedWorkerData, EmbeddedWorkerMessage } from './embedded-worker.ts'

export interface EmbeddedOptions {
  /** Where its rows and its socket are; it must exist and be held by this process alone. Without it, all in memory. */
  dataDir?: string | undefined
  maxConnections: number
  /** Lines that the engine prints: notices, warnings, what it says when it dies. */
  onOutput: (line: string) => void
  /** Called at most once, when the engine dies after it was ready: nothing can be stored from then on. */
  onCrash: (error: EmbeddedPostgresError) => void
}

/** PostgreSQL in a worker thread, spoken to through a Unix socket in `socketDirectory`. */
export interface EmbeddedPostgres extends AsyncDisposable {
  /** As `host` it is understood by everything that speaks to PostgreSQL, `psql` included: port 5432, user postgres. */
  readonly socketDirectory: string
}

export class EmbeddedPostgresError extends Error {
  override readonly name = 'EmbeddedPostgresError'
}

const socketName = '.s.PGSQL.5432'
/** sun_path holds 104 bytes on macOS and 108 on Linux, the closing zero included. */
const longestSocketPath = 103
const startTimeoutMs = 60_000
const closeTimeoutMs = 10_000

/** Starts the engine, creating the database where there is none, and returns when it takes connections. */
export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const { dataDir, maxConnections } = options
  const directory = dataDir === undefined ? undefined : join(dataDir, 'postgres')
  const creation = directory === undefined ? undefined : await beginCreation(directory)
  const socket = await socketPlace(dataDir)
  const data: EmbeddedWorkerData = { directory, socketPath: join(socket.directory, socketName), maxConnections }
  const worker = new Worker(new URL('./embedded-worker.ts', import.meta.url), { workerData: data, name: 'postgres' })
  const output = collectOutput(worker, options.onOutput)
  const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
  try {
    await ready(worker, where(options), output)
    await creation?.finish()
  } catch (error) {
    await worker.terminate()
    await socket.remove()
    throw error
  }
  let closing = false
  worker.on('error', (error) => crashed(messageOf(error), error))
  worker.on('exit', (code) => crashed(`its thread ended with code ${code}`))
  worker.on('message', (message: EmbeddedWorkerMessage) => {
    if (message.type === 'crash') crashed(message.reason)
  })

  function crashed(reason: string, cause?: unknown) {
    if (closing) return
    closing = true
    const message = `The embedded database ${where(options)} stopped working: ${output.explain(reason)}`
    options.onCrash(new EmbeddedPostgresError(message, { cause }))
  }

  return {
    socketDirectory: socket.directory,
    async [Symbol.asyncDispose]() {
      if (!closing) {
        closing = true
        worker.postMessage('close')
        const timer = setTimeout(() => worker.terminate(), closeTimeoutMs)
        await exited
        clearTimeout(timer)
      }
      await socket.remove()
    },
  }
}

function where({ dataDir }: EmbeddedOptions): string {
  return dataDir === undefined ? 'in memory' : `in ${dataDir}`
}

interface Output {
  /** The reason and, where it says more, the last line that the engine printed. */
  explain(reason: string): string
}

function collectOutput(worker: Worker, onOutput: (line: string) => void): Output {
  let lastLine = ''
  worker.on('message', (message: EmbeddedWorkerMessage) => {
    if (message.type !== 'output') return
    lastLine = message.line
    onOutput(message.line)
  })
  return { explain: (reason) => (lastLine === '' || reason.includes(lastLine) ? reason : `${reason} (${lastLine})`) }
}

/** Resolves when the worker takes connections; rejects with why it never will. */
function ready(worker: Worker, place: string, output: Output): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const fail = (reason: string, cause?: unknown) => {
    const message = `The embedded database ${place} does not start: ${output.explain(reason)}`
    reject(new EmbeddedPostgresError(message, { cause }))
  }
  const timer = setTimeout(() => fail(`it was not ready after ${startTimeoutMs / 1000} s`), startTimeoutMs)
  const onError = (error: unknown) => fail(messageOf(error), error)
  const onExit = (code: number) => fail(`its thread ended with code ${code}`)
  const onMessage = (message: EmbeddedWorkerMessage) => {
    switch (message.type) {
      case 'ready':
        return resolve()
      case 'crash':
        return fail(message.reason)
      case 'output':
        return
      default:
        return assertNever(message)
    }
  }
  worker.once('error', onError).once('exit', onExit).on('message', onMessage)
  return promise.finally(() => {
    clearTimeout(timer)
    worker.off('error', onError).off('exit', onExit).off('message', onMessage)
  })
}

/**
 * Creating a database copies a thousand files. A marker stands beside them for as long as that takes, so that a start
 * after a kill in its midst begins anew instead of with half a database. Without the marker nothing is ever removed.
 */
async function beginCreation(directory: string): Promise<{ finish(): Promise<void> } | undefined> {
  const marker = `${directory}.incomplete`
  if (existsSync(marker)) await rm(directory, { recursive: true, force: true })
  else if (existsSync(directory)) return undefined
  await writeFile(marker, '')
  return { finish: () => rm(marker) }
}

/** The data directory is the place for the socket, unless its path is too long for one. */
async function socketPlace(dataDir: string | undefined): Promise<{ directory: string; remove(): Promise<void> }> {
  if (dataDir !== undefined && Buffer.byteLength(join(dataDir, socketName)) <= longestSocketPath) {
    const remove = () => rm(join(dataDir, socketName), { force: true })
    // What a killed process left there would be in the way, and no living one can own it: the directory is locked.
    await remove()
    return { directory: dataDir, remove }
  }
  const directory = await mkdtemp(join(tmpdir(), 'parley-'))
  return { directory, remove: () => rm(directory, { recursive: true, force: true }) }
}
