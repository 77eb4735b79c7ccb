import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { piecesOf } from '../examples/clients/message-pieces.ts'
import { uploadFile } from '../examples/clients/upload-file.ts'
import { builtinTools } from '../src/tools/builtin/builtin-tools.ts'
import { ReadMessageDocument } from './generated/graphql.ts'
import { createTestClient, type TestClient } from './support/client.ts'
import { ask, startConversations } from './support/conversation.ts'
import { readAttachment } from './support/files.ts'
import { Follower } from './support/follower.ts'
import { readGuide } from './support/guide.ts'
import { tryExample } from './support/guide-examples.ts'
import { askingTool, prepareWaitingThread } from './support/guide-tools.ts'
import { inquirer } from './support/questions.ts'
import { startTestServer, type TestServer } from './support/server.ts'
import { askForTools, callOf, readCalls } from './support/tool-conversation.ts'

// docs/clients.md: its operations work, and what a page does with tool calls shows a message as it was written.

const read = (path: string) => readFile(new URL(`../${path}`, import.meta.url), 'utf8')
const guide = await read('docs/clients.md')
const operations = readGuide(guide)
  .flatMap(({ examples }) => examples)
  .filter(({ language }) => language === 'graphql')

const resources = new AsyncDisposableStack()
let server: TestServer
let client: TestClient
beforeAll(async () => {
  const config = { tools: { policy: { ask: [askingTool] } } }
  server = resources.use(await startTestServer({ config, builtinTools: [...builtinTools, inquirer] }))
  client = resources.use(createTestClient(server))
})
afterAll(() => resources.disposeAsync())

describe('the guide to clients', () => {
  it.each(operations)('shows an operation that works, in line $line', async (example) => {
    const conversation = await prepareWaitingThread(client, example)
    await tryExample.graphql?.(example, { server, client, conversation, answer: undefined })
  })

  it('shows the body of the example that it names', async () => {
    const example = await read('examples/clients/message-pieces.ts')
    const body = /\{\n( {2}const pieces.*return pieces)\n\}/s.exec(example)?.[1]?.replaceAll(/^ {2}/gm, '')
    expect(guide).toContain(`\`\`\`ts\n${body}\n\`\`\``)
  })
})

it('a file is sent in pieces by the example, which goes on after an answer that was lost', async () => {
  const request = globalThis.fetch
  let isLost = false
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (...asked) => {
    const response = await request(...asked)
    if (asked[1]?.method !== 'PUT' || isLost) return response
    isLost = true
    throw new TypeError('the connection is gone')
  })
  try {
    const sent: number[] = []
    const file = new File(['0123456789'], 'digits.txt')
    const onProgress = (bytes: number) => void sent.push(bytes)
    const id = await uploadFile(file, { endpoint: server.url, pieceBytes: 4, retryMs: 1, onProgress })
    expect(sent).toEqual([4, 8, 10])
    expect(await readAttachment(client, id)).toMatchObject({ filename: 'digits.txt', extractedText: '0123456789' })
    const empty = uploadFile(new File([], 'empty.txt'), { endpoint: server.url })
    await expect(empty).rejects.toThrow('byteSize: must be at least 1.')
  } finally {
    vi.restoreAllMocks()
  }
})

it('text and calls are put together as they were written, over several steps', async () => {
  await using conversations = await startConversations()
  const { model } = conversations
  askForTools(
    model,
    [callOf('calculator', { expression: '6 * 7' }), callOf('get_current_time')],
    'I reckon 🧮, and look at the clock. ',
  )
  askForTools(model, [callOf('calculator', { expression: '42 / 2' })], 'Once more: ')
  model.onNextRequest(async (exchange) => {
    await exchange.text('21.')
    await exchange.finish()
  })
  const { threadId, runId, answerId, streamCursor } = await ask(conversations.client, 'Reckon')
  await using follower = await Follower.open(conversations.server, { threadId, runId, after: streamCursor })
  await follower.collect()
  const { node } = await conversations.client.request(ReadMessageDocument, { id: answerId })
  if (!node || !('text' in node)) throw new Error('there is no answer')
  const toolCalls = await readCalls(conversations.client, answerId)
  const pieces = piecesOf({ text: node.text, toolCalls }).map((piece) =>
    typeof piece === 'string' ? piece : { name: piece.name },
  )
  expect(pieces).toEqual([
    'I reckon 🧮, and look at the clock. ',
    { name: 'calculator' },
    { name: 'get_current_time' },
    'Once more: ',
    { name: 'calculator' },
    '21.',
  ])
})
