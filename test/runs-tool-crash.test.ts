import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ListToolsDocument } from './generated/graphql.ts'
import type { TestClient } from './support/client.ts'
import { ask, readMessage, readRun, requestFor } from './support/conversation.ts'
import { type CountingMcp, startCountingMcp } from './support/counting-mcp.ts'
import { Follower } from './support/follower.ts'
import { temporaryDirectory } from './support/process.ts'
import { createServerPlace, type ProcessConversations } from './support/process-conversation.ts'
import { countRounds, rounds } from './support/rounds.ts'
import { connectToRows } from './support/rows.ts'
import { echo, startScriptedModel } from './support/scripted-model.ts'
import { askForTools, callOf, readCalls, resultsTold } from './support/tool-conversation.ts'

// What kill -9 costs a run that has tools: nothing of the turns that were over, and never a call that is made twice.

const leaseMs = 3_000
const timeout = rounds(120_000, 2_400_000)

test('kill -9 between turns costs nothing, and in the middle of one what was not said yet', { timeout }, async () => {
  await using model = await startScriptedModel()
  await using place = await createServerPlace(model, { runs: { leaseMs } })
  const before = await place.start()
  model.hold()
  /** A run whose first turn is over, and whose second one is asked for. */
  const askTwice = async (text: string) => {
    askForTools(model, [callOf('tool', { a: 1 }, 'call_1')], 'First. ')
    const asked = await ask(before.client, text)
    await requestFor(model, text)
    return { asked, exchange: await requestFor(model, text) }
  }
  const silent = await askTwice('Silent')
  const talking = await askTwice('Talking')
  await talking.exchange.text('Second')
  {
    await using rows = await connectToRows(place.database)
    const text = async () =>
      (await rows.query('SELECT text FROM "Message" WHERE id = $1', [talking.asked.answerId])).rows[0]?.text
    await expect.poll(text, { timeout: 10_000 }).toBe('First. Second')
  }
  before.process.kill('SIGKILL')
  await before.process.exited
  await before[Symbol.asyncDispose]()

  model.onRequest(echo)
  await using after = await place.start()
  for (const { threadId, runId } of [silent.asked, talking.asked]) {
    await using follower = await Follower.open(after.server, { threadId, runId })
    await follower.collect()
  }
  const output = 'There is no tool named tool.'
  expect(await readRun(after.client, silent.asked.runId)).toMatchObject({ status: 'COMPLETED', error: null })
  expect(await readMessage(after.client, silent.asked.answerId)).toMatchObject({ text: 'First. Echo: Silent' })
  expect(await readCalls(after.client, silent.asked.answerId)).toMatchObject([{ status: 'FAILED', output }])

  const run = await readRun(after.client, talking.asked.runId)
  expect(run).toMatchObject({ status: 'INTERRUPTED', error: { retryable: true }, usage: { estimated: true } })
  expect(run.message).toMatchObject({ status: 'INTERRUPTED', text: 'First. Second' })
  expect(run.usage.inputTokens).toBeGreaterThan(0)
  const { threadId } = talking.asked
  const next = await ask(after.client, 'Go on', { threadId })
  await using ends = await Follower.open(after.server, { threadId, runId: next.runId })
  await ends.collect()
  expect(model.requests.at(-1)?.body?.messages.map(({ role, content }) => [role, content])).toEqual([
    ['user', 'Talking'],
    ['assistant', 'First. '],
    ['tool', output],
    ['assistant', 'Second'],
    ['user', 'Go on'],
  ])
})

test('kill -9 while a tool runs: no call reaches it twice, nobody claims to know how it ended, and the run goes on', {
  timeout,
}, async ({ task }) => {
  const count = countRounds(task, 2, 100)
  await using model = await startScriptedModel()
  await using counting = await startCountingMcp()
  await using directory = await temporaryDirectory()
  const mcpServersFile = join(directory.path, 'mcp-servers.json')
  const servers = { counting: { url: counting.url, approval: 'allow' } }
  await writeFile(mcpServersFile, JSON.stringify({ mcpServers: servers }))
  await using place = await createServerPlace(model, { runs: { leaseMs }, mcpServersFile })
  let running: ProcessConversations | null = null
  try {
    running = await place.start()
    for (let round = 0; round < count; round++) {
      const key = `round ${round}`
      await knowsTool(running.client)
      askForTools(model, [callOf('counting__count', { key })], 'I count. ')
      const { threadId, runId, answerId } = await ask(running.client, key)
      await counting.called(key)
      running.process.kill('SIGKILL')
      await running.process.exited
      await running[Symbol.asyncDispose]()
      running = await place.start()
      await checkAfter(running, counting, { key, threadId, runId, answerId })
      expect(resultsTold(model), key).toEqual([expect.stringContaining('Nobody knows how this call ended')])
    }
  } finally {
    await running?.[Symbol.asyncDispose]()
  }
})

/** MCP servers are connected after the start. */
async function knowsTool(client: TestClient): Promise<void> {
  const names = async () => (await client.request(ListToolsDocument, {})).tools.map(({ name }) => name)
  await expect.poll(names, { timeout: 30_000 }).toContain('counting__count')
}

async function checkAfter(
  { server, client }: ProcessConversations,
  { counts }: CountingMcp,
  { key, threadId, runId, answerId }: { key: string; threadId: string; runId: string; answerId: string },
): Promise<void> {
  await using follower = await Follower.open(server, { threadId, runId })
  await follower.collect()
  expect(await readRun(client, runId), key).toMatchObject({ status: 'COMPLETED', error: null })
  expect(await readMessage(client, answerId), key).toMatchObject({ text: `I count. Echo: ${key}` })
  expect(await readCalls(client, answerId), key).toMatchObject([{ status: 'UNKNOWN' }])
  expect(counts.get(key), key).toBe(1)
}
