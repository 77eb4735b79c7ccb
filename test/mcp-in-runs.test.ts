import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { CancelRunDocument, ListMcpServersDocument } from './generated/graphql.ts'
import type { Conversations } from './support/conversation.ts'
import { freePort } from './support/free-port.ts'
import { temporaryDirectory } from './support/process.ts'
import { answer } from './support/questions.ts'
import { httpServer, overheard, realStdioServer, startEverythingOverHttp } from './support/real-mcp-servers.ts'
import {
  callOf,
  callsIn,
  eventsOfCalls,
  readCalls,
  resultsTold,
  startCalls,
  startToolConversations,
  toolsOffered,
} from './support/tool-conversation.ts'

// The tools of MCP servers that everybody knows, in runs: what subscribers see of their calls, and what the model gets.

/** server-everything over stdio and over streamable HTTP. */
const everythings = ['everything', 'everything-http'] as const

const resources = new AsyncDisposableStack()
let conversations: Conversations
/** Where the file server may write. */
let directory: string
/** What was written to server-everything over stdio. */
let inbox: string
beforeAll(async () => {
  const { path } = resources.use(await temporaryDirectory())
  directory = join(path, 'files')
  inbox = join(path, 'inbox')
  await mkdir(directory)
  const overHttp = resources.use(await startEverythingOverHttp(await freePort()))
  const mcpServers = [
    overheard(realStdioServer('everything', 'server-everything', { args: ['stdio'] }), inbox),
    httpServer('everything-http', overHttp.url),
    realStdioServer('files', 'server-filesystem', { args: [directory] }),
    realStdioServer('memory', 'server-memory', { env: { MEMORY_FILE_PATH: join(path, 'memory.jsonl') } }),
  ]
  conversations = resources.use(await startToolConversations({ tools: [], mcpServers }))
  await vi.waitFor(async () => expect(await statuses()).toEqual(mcpServers.map(() => 'READY')), 30_000)
})
afterAll(() => resources.disposeAsync())

async function statuses(): Promise<string[]> {
  const { mcpServers } = await conversations.client.request(ListMcpServersDocument, {})
  return mcpServers.map(({ status }) => status)
}

test('files and memory: a model is offered their tools, calls them side by side, and is told what they gave', async () => {
  const { model } = conversations
  const path = join(directory, 'note.txt')
  const ann = { name: 'Ann', entityType: 'person', observations: ['likes tea'] }
  const written = await eventsOfCalls(conversations, [
    callOf('files__write_file', { path, content: 'Buy milk.' }),
    callOf('memory__create_entities', { entities: [ann] }),
  ])
  expect(toolsOffered(model)).toEqual(
    expect.arrayContaining(['everything__echo', 'everything-http__echo', 'files__write_file', 'memory__read_graph']),
  )
  expect(callsIn(written)).toMatchObject([{ status: 'SUCCEEDED' }, { status: 'SUCCEEDED' }])
  expect(await readFile(path, 'utf8')).toBe('Buy milk.')

  const read = await eventsOfCalls(conversations, [
    callOf('files__read_text_file', { path }),
    callOf('memory__read_graph'),
  ])
  const [file, memory] = callsIn(read)
  expect(file).toMatchObject({ status: 'SUCCEEDED', output: 'Buy milk.' })
  const structuredContent = { entities: [ann], relations: [] }
  expect(memory).toMatchObject({ status: 'SUCCEEDED', result: { structuredContent } })
  expect(resultsTold(model)).toEqual([file?.output, memory?.output])
  expect(read.at(-1)).toMatchObject({ __typename: 'RunStatusChanged', status: 'COMPLETED' })
})

test.each(everythings)('%s: the progress of a call is seen in the stream', async (server) => {
  const events = await eventsOfCalls(conversations, [
    callOf(`${server}__trigger-long-running-operation`, { duration: 0.6, steps: 3 }),
  ])
  const [call] = callsIn(events)
  expect(call).toMatchObject({ status: 'SUCCEEDED', output: expect.stringContaining('completed') })
  const progress = events.filter(({ __typename }) => __typename === 'ToolProgress')
  expect(progress[0]).toMatchObject({ progress: 1, total: 3, toolCallId: call?.id })
  expect(progress.at(-1)).toMatchObject({ progress: 3, total: 3 })
})

test.each(everythings)(
  '%s: a question is in the stream, and its answer is what the tool works with',
  async (server) => {
    await using run = await startCalls(conversations, [callOf(`${server}__trigger-elicitation-request`)])
    const { elicitation } = await run.watcher.nextOf('ElicitationRequested')
    const { id: elicitationId } = elicitation
    expect(elicitation).toMatchObject({
      message: 'Please provide inputs for the following fields:',
      requestedSchema: { required: ['name'], properties: { integer: { type: 'integer', minimum: 1, maximum: 100 } } },
    })
    const content = { name: 'Ann', integer: 7 }
    await answer(conversations.client, { elicitationId, action: 'ACCEPT', content })
    const events = await run.watcher.collect()
    expect(events).toContainEqual(expect.objectContaining({ __typename: 'ElicitationClosed', elicitationId }))
    const [call] = callsIn(events)
    expect(call).toMatchObject({ id: elicitation.toolCallId, status: 'SUCCEEDED' })
    expect(call?.output).toContain('- Name: Ann')
    expect(call?.output).toContain('- Favorite Integer: 7')
    expect(resultsTold(conversations.model)).toEqual([call?.output])
  },
)

/** Cancels a run in the middle of a call; returns the call's id, and what was seen from then on. */
async function cancelOperation(server: string) {
  const operation = callOf(`${server}__trigger-long-running-operation`, { duration: 60, steps: 600 })
  await using run = await startCalls(conversations, [operation])
  const { toolCallId } = await run.watcher.nextOf('ToolProgress')
  const { cancelRun } = await conversations.client.request(CancelRunDocument, { runId: run.runId })
  expect(cancelRun.run.status).toBe('INTERRUPTED')
  return { toolCallId, answerId: run.answerId, events: await run.watcher.collect() }
}

test.each(everythings)('%s: cancelling the run ends its call, and the next is answered', async (server) => {
  const { toolCallId: id, answerId, events } = await cancelOperation(server)
  expect(callsIn(events)).toMatchObject([{ id, status: 'UNKNOWN' }])
  expect(events.at(-1)).toMatchObject({ __typename: 'RunStatusChanged', status: 'INTERRUPTED' })
  expect(await readCalls(conversations.client, answerId)).toMatchObject([{ id, status: 'UNKNOWN' }])

  const next = await eventsOfCalls(conversations, [callOf(`${server}__echo`, { message: 'hello' })])
  expect(callsIn(next)).toMatchObject([{ status: 'SUCCEEDED', output: 'Echo: hello' }])
})

test('the server of a call that is cancelled is told which', async () => {
  await cancelOperation('everything')
  const read = async () =>
    (await readFile(inbox, 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
  const called = (await read()).findLast(({ method }) => method === 'tools/call')
  await expect.poll(read, { timeout: 10_000 }).toContainEqual(
    expect.objectContaining({
      method: 'notifications/cancelled',
      params: expect.objectContaining({ requestId: called.id }),
    }),
  )
})
