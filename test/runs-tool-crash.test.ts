import { expect, test } from 'vitest'
import { ask, readRun, requestFor } from './support/conversation.ts'
import { Follower } from './support/follower.ts'
import { createServerPlace } from './support/process-conversation.ts'
import { connectToRows } from './support/rows.ts'
import { echo, startScriptedModel } from './support/scripted-model.ts'

test('kill -9 in a later turn of a run costs none of its earlier turns, and no call is made again', {
  timeout: 60_000,
}, async () => {
  await using model = await startScriptedModel()
  await using place = await createServerPlace(model, { runs: { leaseMs: 3_000 } })
  model.onNextRequest(async (exchange) => {
    await exchange.text('First. ')
    await exchange.toolCall({ id: 'call_1', name: 'tool', arguments: '{"a":1}' })
    await exchange.finish({ reason: 'tool_calls' })
  })
  model.hold()
  const before = await place.start()
  const { threadId, runId } = await ask(before.client, 'Question')
  await requestFor(model, 'Question')
  // The second turn is asked for once the first, with its call, is stored.
  await requestFor(model, 'Question')
  before.process.kill('SIGKILL')
  await before.process.exited
  await before[Symbol.asyncDispose]()

  model.onRequest(echo)
  await using after = await place.start()
  await using follower = await Follower.open(after.server, { threadId, runId })
  await follower.collect()
  const run = await readRun(after.client, runId)
  expect(run).toMatchObject({ status: 'INTERRUPTED', error: { retryable: true }, usage: { estimated: true } })
  expect(run.message).toMatchObject({ status: 'INTERRUPTED', text: 'First. ' })
  expect(run.usage.inputTokens).toBeGreaterThan(0)

  await using rows = await connectToRows(place.database)
  const { rows: calls } = await rows.query('SELECT name, status, output FROM "ToolCall"')
  expect(calls).toEqual([{ name: 'tool', status: 'FAILED', output: 'There is no tool named tool.' }])

  const next = await ask(after.client, 'Go on', { threadId })
  await using ends = await Follower.open(after.server, { threadId, runId: next.runId })
  await ends.collect()
  expect(model.requests.at(-1)?.body?.messages).toEqual([
    { role: 'user', content: 'Question' },
    {
      role: 'assistant',
      content: 'First. ',
      tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'tool', arguments: '{"a":1}' } }],
    },
    { role: 'tool', tool_call_id: 'call_1', content: 'There is no tool named tool.' },
    { role: 'user', content: 'Go on' },
  ])
})
