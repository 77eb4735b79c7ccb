import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { recordedAnthropic } from './anthropic.ts'
import { recordedGoogle } from './google.ts'
import { recordedChat } from './openai-chat.ts'
import { recordedResponses } from './openai-responses.ts'
import type { Json, RecordedApi } from './recorded.ts'

// Streams that real providers sent. They are no part of this repository: where they are not there, tests of them are
// skipped, and say so.

const directory = fileURLToPath(new URL('../../../../shared/recordings/', import.meta.url))
const apis: readonly RecordedApi[] = [recordedChat, recordedResponses, recordedAnthropic, recordedGoogle]

export interface Recording {
  readonly name: string
  readonly api: RecordedApi
  /** One for each line. */
  readonly payloads: readonly Json[]
  /** The body that the provider sent, frame by frame. */
  readonly frames: readonly string[]
}

export const hasRecordings = existsSync(`${directory}replay-server.mjs`)

/** The recordings by their API; empty where they are not there. */
export const recordings: readonly { readonly api: RecordedApi; readonly all: readonly Recording[] }[] = hasRecordings
  ? apis.map((api) => ({ api, all: recordingsOf(api) }))
  : []

/** To be called once by each test file that reads them. */
export function sayWhetherSkipped(): void {
  if (!hasRecordings) process.stdout.write('skipped: no recorded provider streams in ../shared/recordings\n')
}

function recordingsOf(api: RecordedApi): readonly Recording[] {
  const folder = `${directory}${api.folder}/`
  return readdirSync(folder)
    .filter((file) => file.endsWith('.jsonl'))
    .map((file) => {
      const lines = readFileSync(folder + file, 'utf8')
        .split('\n')
        .filter(Boolean)
      return {
        name: file.replace(/\.jsonl$/, ''),
        api,
        payloads: lines.map((line) => JSON.parse(line)),
        frames: lines.map((line) => api.frame(line)),
      }
    })
}

export interface Replay extends AsyncDisposable {
  /** As a provider of the API's kind is configured with it. */
  baseUrl(api: RecordedApi): string
  /** The bodies that were received so far. */
  requests(): Promise<readonly { readonly path: string; readonly body: Json }[]>
}

/** The server that comes with the recordings. */
export async function startReplay(): Promise<Replay> {
  const server = spawn(process.execPath, [`${directory}replay-server.mjs`, '--port', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = await once(createInterface(server.stdout), 'line')
  const address = String(line).replace('listening on ', '')
  return {
    baseUrl: ({ kind }) => (kind.startsWith('openai') ? `${address}/v1` : address),
    async requests() {
      return (await (await fetch(`${address}/requests`)).json()) as readonly { path: string; body: Json }[]
    },
    async [Symbol.asyncDispose]() {
      const exit = once(server, 'exit')
      server.kill()
      await exit
    },
  }
}
