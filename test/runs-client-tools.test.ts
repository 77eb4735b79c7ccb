import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RequestError } from '../src/platform/errors.ts'
import type { JsonObject } from '../src/platform/json.ts'
import { checkedTools } from '../src/runs/run-tools.ts'
import type { BuiltinTool } from '../src/tools/builtin/builtin-tool.ts'
import { type ClientToolInput, RegenerateMessageDocument, SendMessageDocument } from './generated/graphql.ts'
import { createTestClient } from './support/client.ts'
import { ask, type Conversations, scriptedProvider } from './support/conversation.ts'
import { createTestDatabase } from './support/database.ts'
import { Follower } from './support/follower.ts'
import { localViewer } from './support/http-fixture.ts'
import { connectToRows } from './support/rows.ts'
import { type Exchange, startScriptedModel } from './support/scripted-model.ts'
import { startTestServer } from './support/server.ts'

// What a message says of the tools of its run: those that its client runs itself, and which of all the model is to use.

const builtin = (name: string): BuiltinTool => ({
  name,
  title: name,
  description: `The tool ${name}.`,
  inputSchema: { type: 'object' },
  isReadOnly: true,
  run: async () => ({ output: 'done', result: null, isError: false }),
})
const openFile: ClientToolInput = {
  name: 'open_file',
  description: 'Opens a file in the editor.',
  inputSchema: { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] },
}

const resources = new AsyncDisposableStack()
let rows: pg.Client
let conversations: Conversations
beforeAll(async () => {
  const database = resources.use(await createTestDatabase())
  const model = resources.use(await startScriptedModel())
  const config = { ...scriptedProvider(model), tools: { policy: { deny: ['never_*'] } } }
  const builtinTools = ['look_up', 'never_do'].map(builtin)
  const server = resources.use(await startTestServer({ database, builtinTools, config }))
  rows = resources.use(await connectToRows(database))
  const client = resources.use(createTestClient(server))
  conversations = { model, server, client, [Symbol.asyncDispose]: async () => {} }
})
afterAll(() => resources.disposeAsync())

/** What the model was asked for a message, first of all; the run has ended when this returns. */
async function firstRequest(input: Parameters<typeof ask>[2]): Promise<Exchange['asked']> {
  const { client, server, model } = conversations
  const { threadId, runId, streamCursor } = await ask(client, 'Hello', input)
  const exchange = await model.nextRequest()
  await using follower = await Follower.open(server, { threadId, runId, after: streamCursor })
  await follower.collect()
  return exchange.asked
}

const count = async (table: string): Promise<number> =>
  Number((await rows.query(`SELECT count(*) FROM "${table}"`)).rows[0].count)

async function storedTools(runId: string): Promise<readonly JsonObject[]> {
  return (await rows.query('SELECT "clientTools" FROM "Run" WHERE id = $1', [runId])).rows[0].clientTools
}

async function refusal(input: object): Promise<{ code: string | undefined; field: string | undefined; text: string }> {
  const { errors } = await conversations.client.respond(SendMessageDocument, { input: { text: 'Hello', ...input } })
  const { code, field } = errors[0]?.extensions ?? {}
  return { code, field, text: errors[0]?.message ?? '' }
}

test("the model is offered the client's tools beside the server's own, but none that never runs", async () => {
  const refused = { ...openFile, name: 'never_open' }
  const { tools } = await firstRequest({ clientTools: [openFile, refused] })
  expect(tools.map(({ name }) => name).sort()).toEqual(['look_up', 'open_file'])
  expect(tools.find(({ name }) => name === 'open_file')).toEqual(openFile)
})

test("a run keeps its client's tools, and a new answer has only those that it is given itself", async () => {
  const { client, model } = conversations
  const asked = await ask(client, 'Hello', {
    clientTools: [openFile, { name: 'beep', inputSchema: { type: 'object' } }],
  })
  await model.nextRequest()
  const beep = { name: 'beep', description: null, inputSchema: { type: 'object' } }
  expect(await storedTools(asked.runId)).toEqual([openFile, beep])
  const again = { messageId: asked.questionId, whenBusy: 'INTERRUPT' as const }
  for (const [clientTools, kept] of [
    [null, []],
    [[openFile], [openFile]],
  ] as const) {
    const input = { ...again, clientTools: clientTools && [...clientTools] }
    const { regenerateMessage } = await client.request(RegenerateMessageDocument, { input })
    expect(await storedTools(regenerateMessage.run?.id ?? '')).toEqual(kept)
    await model.nextRequest()
  }
})

test('the tools are part of what an idempotency key stands for', async () => {
  const { client, model } = conversations
  const key = { idempotencyKey: 'with tools' }
  const first = await ask(client, 'Hello', { ...key, clientTools: [openFile] })
  await model.nextRequest()
  expect((await ask(client, 'Hello', { ...key, clientTools: [openFile] })).runId).toBe(first.runId)
  const other = { ...openFile, description: 'Opens another file.' }
  expect(await refusal({ ...key, clientTools: [other] })).toMatchObject({ code: 'CONFLICT', field: 'idempotencyKey' })
})

test.each([
  ['a name with a space', { name: 'open file' }, 'clientTools.0.name'],
  ["a server's name", { name: 'look_up' }, 'clientTools.0.name'],
  ['the name of a tool that never runs', { name: 'never_do' }, 'clientTools.0.name'],
  ['a schema of a list', { inputSchema: { type: 'array' } }, 'clientTools.0.inputSchema'],
  [
    'a schema that is none',
    { inputSchema: { type: 'object', properties: { a: { type: 'nothing' } } } },
    'clientTools.0.inputSchema',
  ],
])('%s is BAD_USER_INPUT on its field, and nothing is stored', async (_what, wrong, field) => {
  const [threads, messages] = [await count('Thread'), await count('Message')]
  expect(await refusal({ clientTools: [{ ...openFile, ...wrong }] })).toMatchObject({ code: 'BAD_USER_INPUT', field })
  expect([await count('Thread'), await count('Message')]).toEqual([threads, messages])
})

describe('the tool choice', () => {
  test.each(['required', 'look_up', 'open_file'])('%s reaches the model', async (toolChoice) => {
    const asked = await firstRequest({ options: { toolChoice }, clientTools: [openFile] })
    expect(asked.toolChoice).toBe(toolChoice)
  })

  test.each([
    ['a tool that there is not', 'look_down'],
    ['a tool that never runs', 'never_do'],
    ["a client's tool of another message", 'open_file'],
  ])('of %s is BAD_USER_INPUT, which names what would be taken', async (_what, toolChoice) => {
    const { text, ...refused } = await refusal({ options: { toolChoice } })
    expect(refused).toEqual({ code: 'BAD_USER_INPUT', field: 'options.toolChoice' })
    expect(text).toContain('look_up')
    expect(text).not.toContain('never_do')
  })

  test('names ten of many tools where it is wrong', async () => {
    const clientTools = Array.from({ length: 60 }, (_, index) => ({ ...openFile, name: `open_${index}` }))
    const { text } = await refusal({ options: { toolChoice: 'close' }, clientTools })
    expect(text).toContain('open_0, open_1')
    expect(text).toContain('and 51 more.')
    expect(text.length).toBeLessThan(250)
  })

  test.each(['required', 'look_up'])('%s holds for the first model turn alone', async (toolChoice) => {
    const { model } = conversations
    model.onNextRequest(async (exchange) => {
      await exchange.toolCall({ id: 'call_1', name: 'look_up', arguments: '{}' })
      await exchange.finish({ reason: exchange.wire.reasons['tool-calls'] ?? '' })
    })
    const first = await firstRequest({ options: { toolChoice } })
    const second = await model.nextRequest()
    expect([first.toolChoice, second.asked.toolChoice]).toEqual([toolChoice, null])
    expect(second.asked.turns.at(-1)).toEqual({ role: 'tool', text: 'done' })
  })
})

test.each([undefined, null, 'auto', 'none'])(
  'with no tools and the choice %s, nobody is asked for tools',
  async (toolChoice) => {
    const unasked = () => {
      throw new RequestError('INTERNAL', 'asked')
    }
    const { signal } = new AbortController()
    const services = { database: unasked, tools: { tools: unasked, policyFor: unasked }, schemas: unasked }
    const given = { threadId: null, clientTools: [], toolChoice, token: null }
    const checked = checkedTools(localViewer, services as never, given, signal)
    expect(await checked).toEqual({ clientTools: [], offered: [] })
  },
)
