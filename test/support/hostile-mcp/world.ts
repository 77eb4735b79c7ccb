import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { ConfigInput } from '../../../src/platform/config/schema.ts'
import { TypedDocumentString } from '../../generated/graphql.ts'
import { createWebSocketClient, type TestClient } from '../client.ts'
import { percentile } from '../percentile.ts'
import { temporaryDirectory } from '../process.ts'
import { createServerPlace, type ProcessConversations } from '../process-conversation.ts'
import { type ScriptedModel, startScriptedModel } from '../scripted-model.ts'
import { type Entry, stdio } from './entries.ts'

export interface ServerView {
  readonly id: string
  readonly status: string
  readonly error: string | null
  readonly tools: readonly ToolView[]
}

export interface ToolView {
  readonly name: string
  readonly title: string | null
  readonly description: string | null
}

/** What `executeTool` gave: a result, or the code of a refusal. */
export interface Outcome {
  readonly output: string
  readonly result: unknown
  readonly isError: boolean
  readonly code: string | undefined
  /** As the client measured it. */
  readonly ms: number
}

/**
 * A real server in a process of its own, with hostile MCP servers, and one beside them that behaves well. That one is
 * called over one WebSocket, and the others by requests of their own.
 */
export interface HostileWorld extends AsyncDisposable {
  readonly running: ProcessConversations
  readonly model: ScriptedModel
  servers(): Promise<readonly ServerView[]>
  /** The server as soon as that is true of it. */
  serverThat(id: string, isTrue: (server: ServerView) => boolean): Promise<ServerView>
  ready(id: string): Promise<void>
  execute(name: string, args?: Readonly<Record<string, unknown>>): Promise<Outcome>
  /** As `execute`, over the WebSocket that is open all the while. */
  executeOverWebSocket(name: string, args: Readonly<Record<string, unknown>>): Promise<Outcome>
  /** What the main thread holds after a garbage collection. */
  heldBytes(): Promise<number>
  /** Does something, and calls the well-behaved server all the while. Throws where that does not answer as it should. */
  beside<Value>(action: () => Promise<Value>): Promise<Value>
  /** Calls the well-behaved server while nothing else is done. */
  beQuiet(): Promise<void>
  /** What the well-behaved server's calls took in quiet and beside all that was done; and the memory that is left. */
  summary(): Promise<Summary>
}

export interface Summary {
  readonly medianQuietMs: number
  readonly medianBesideMs: number
  /** What one call in twenty took longer than, and at least two: one alone may be the machine's. */
  readonly slowBesideMs: number
  /** What the main thread holds after a garbage collection, beyond what it held at first. */
  readonly heldBytes: number
  /** The most memory that the process ever had, beyond what it had at first; NaN where the system does not tell. */
  readonly peakBytes: number
  /** Of its log, without the line that it writes for each call. */
  readonly logBytes: number
  /** In one line. */
  readonly text: string
}

type Responding = Pick<TestClient, 'respond'>

const listServers = new TypedDocumentString<{ mcpServers: readonly ServerView[] }, object>(
  '{ mcpServers { id status error tools { name title description } } }',
)

/** Without the tools, of which there may be thousands. */
const listStatuses = new TypedDocumentString<{ mcpServers: readonly Pick<ServerView, 'id' | 'status'>[] }, object>(
  '{ mcpServers { id status } }',
)

interface ExecuteToolData {
  readonly executeTool: Pick<Outcome, 'output' | 'result' | 'isError'>
}

const executeTool = new TypedDocumentString<ExecuteToolData, { input: object }>(
  'mutation ($input: ExecuteToolInput!) { executeTool(input: $input) { output result isError } }',
)

const reportMemory = fileURLToPath(new URL('../report-memory.ts', import.meta.url))
const mebibyte = 1024 * 1024

export async function openHostileWorld(
  servers: Readonly<Record<string, Entry>>,
  config: ConfigInput = {},
): Promise<HostileWorld> {
  await using resources = new AsyncDisposableStack()
  const { path } = resources.use(await temporaryDirectory())
  const file = join(path, 'servers.json')
  await writeFile(file, JSON.stringify({ mcpServers: { good: stdio('good'), ...servers } }))
  const model = resources.use(await startScriptedModel())
  const place = resources.use(await createServerPlace(model, config))
  const running = resources.use(
    await place.start({ PARLEY_MCP_SERVERS_FILE: file, NODE_OPTIONS: `--import=${reportMemory}` }),
  )
  const { client } = running
  const webSocketClient = resources.use(createWebSocketClient(running.server))

  async function listAll(): Promise<readonly ServerView[]> {
    return (await client.request(listServers, {})).mcpServers
  }

  async function serverThat(id: string, isTrue: (server: ServerView) => boolean): Promise<ServerView> {
    return find(listAll, id, isTrue)
  }

  async function ready(id: string): Promise<void> {
    const listed = async () => (await client.request(listStatuses, {})).mcpServers
    await find(listed, id, ({ status }) => status === 'READY')
  }

  async function execute(name: string, args: object = {}, { respond }: Responding = client): Promise<Outcome> {
    const start = performance.now()
    const { data, errors } = await respond(executeTool, { input: { name, arguments: args } })
    const ms = performance.now() - start
    if (data?.executeTool) return { ...data.executeTool, code: undefined, ms }
    return { output: errors[0]?.message ?? '', result: null, isError: true, code: errors[0]?.extensions.code, ms }
  }

  async function callGood(): Promise<number> {
    const said = `hello ${Math.random()}`
    const { output, isError, ms } = await execute('good__echo', { text: said }, webSocketClient)
    if (isError || output !== said) throw new Error(`the well-behaved server's call gave: ${output}`)
    return ms
  }

  async function heldBytes(): Promise<number> {
    const { length } = running.process.output()
    running.process.kill('SIGUSR2')
    for (;;) {
      const match = /^held (\d+) bytes$/m.exec(running.process.output().slice(length))
      if (match) return Number(match[1])
      await delay(10)
    }
  }

  await ready('good')
  const quiet: number[] = []
  const besideMs: number[] = []
  const heldAtFirst = await heldBytes()
  const peakAtFirst = await resetPeak(running.process.child.pid)

  const held = resources.move()
  return {
    running,
    model,
    servers: listAll,
    serverThat,
    ready,
    execute: (name, args) => execute(name, args),
    executeOverWebSocket: (name, args) => execute(name, args, webSocketClient),
    heldBytes,
    async beside(action) {
      let isDone = false
      const done = action().finally(() => {
        isDone = true
      })
      // Its failure is thrown below, after the calls beside it.
      done.catch(() => {})
      do besideMs.push(await callGood())
      while (!isDone)
      return done
    },
    async beQuiet() {
      for (let count = 0; count < 30; count++) quiet.push(await callGood())
    },
    async summary() {
      const extraBytes = (await heldBytes()) - heldAtFirst
      const peakBytes = (await peakOf(running.process.child.pid)) - peakAtFirst
      const lines = running.process.output().split('\n')
      const logBytes = lines.filter((line) => !line.includes('a tool was executed')).join('\n').length
      const [medianQuietMs, medianBesideMs] = [percentile(quiet, 0.5), percentile(besideMs, 0.5)]
      const slowBesideMs =
        besideMs.toSorted((one, other) => other - one)[Math.max(2, Math.floor(besideMs.length / 20))] ?? 0
      const slowestBesideMs = Math.max(...besideMs)
      const times = `median ${medianQuietMs.toFixed(1)} ms in quiet, ${medianBesideMs.toFixed(1)} ms beside`
      const slowest = `one in twenty above ${slowBesideMs.toFixed(0)} ms, slowest ${slowestBesideMs.toFixed(0)} ms`
      const memory = `${Math.round(extraBytes / mebibyte)} MB more held, ${Math.round(peakBytes / mebibyte)} MB at the peak`
      const text = `${besideMs.length} calls: ${times}, ${slowest}; ${memory}`
      return { medianQuietMs, medianBesideMs, slowBesideMs, heldBytes: extraBytes, peakBytes, logBytes, text }
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

/** The server as soon as that is true of it: the API tells of servers when it is asked, and not by itself. */
async function find<Server extends { readonly id: string }>(
  list: () => Promise<readonly Server[]>,
  id: string,
  isTrue: (server: Server) => boolean,
): Promise<Server> {
  // Under load, servers start slowly; a test that waits for nothing ends at its own timeout.
  for (;;) {
    const server = (await list()).find((each) => each.id === id)
    if (!server) throw new Error(`there is no server ${id}`)
    if (isTrue(server)) return server
    await delay(20)
  }
}

/** The most memory that a process had since it was last reset; NaN where the system does not tell. */
async function peakOf(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
}

/** Forgets the peak of the past, and returns what is in use now. */
async function resetPeak(pid: number | undefined): Promise<number> {
  // See proc_pid_clear_refs(5).
  await writeFile(`/proc/${pid}/clear_refs`, '5').catch(() => {})
  return peakOf(pid)
}
