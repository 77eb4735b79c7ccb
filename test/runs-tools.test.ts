import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { BuiltinTool } from '../src/tools/builtin/builtin-tool.ts'
import { CancelRunDocument } from './generated/graphql.ts'
import { ask, type Conversations, readMessage, readRun } from './support/conversation.ts'
import { Follower, type StreamEvent, textOf } from './support/follower.ts'
import { HeldTool } from './support/held-tool.ts'
import { echo } from './support/scripted-model.ts'
import { askForTools, callOf, readCalls, resultsTold, startToolConversations } from './support/tool-conversation.ts'

// What becomes of the tools that a model asks for, where nobody has to be asked first.

const concurrency = 3
const tool = (name: string, run: BuiltinTool['run'], told: Partial<BuiltinTool> = {}): BuiltinTool => ({
  name,
  title: name,
  description: 'For tests.',
  inputSchema: { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'], additionalProperties: false },
  isReadOnly: true,
  ...told,
  run,
})

let held: HeldTool
let conversations: Conversations
beforeAll(async () => {
  held = new HeldTool('held')
  conversations = await startToolConversations({
    tools: [
      held.tool,
      tool('count', async ({ arguments: { n } }) => ({
        output: `counted ${n}`,
        result: { n: n ?? 0 },
        isError: false,
      })),
      tool('broken', async () => {
        throw new Error('it is broken')
      }),
      tool('huge', async () => ({ output: 'x'.repeat(5_000), result: null, isError: false })),
      tool('denied', async () => ({ output: 'it ran', result: null, isError: false })),
      tool('deaf', () => new Promise(() => {})),
      tool('counting', async ({ onProgress }) => {
        for (let progress = 1; progress <= 10_000; progress++) onProgress({ progress, total: 10_000, detail: null })
        return { output: 'done', result: null, isError: false }
      }),
    ],
    config: { tools: { concurrency, timeoutMs: 2_000, maxResultBytes: 2_000, policy: { deny: ['denied'] } } },
  })
})
afterAll(() => conversations[Symbol.asyncDispose]())
beforeEach(() => conversations.model.onRequest(echo))

/** A question, and all that comes of it. */
async function answerTo(text: string, input: Parameters<typeof ask>[2] = {}) {
  const { client, server } = conversations
  const asked = await ask(client, text, input)
  const { threadId, runId, answerId, streamCursor } = asked
  await using follower = await Follower.open(server, { threadId, runId, after: streamCursor })
  const events = await follower.collect()
  const [run, answer, calls] = await Promise.all([
    readRun(client, runId),
    readMessage(client, answerId),
    readCalls(client, answerId),
  ])
  return { asked, events, run, answer, calls }
}

/** What subscribers saw of each call: its statuses, in order. */
function statusesByCall(events: readonly StreamEvent[]): Record<string, string[]> {
  const seen: Record<string, string[]> = {}
  for (const event of events)
    if (event.__typename === 'ToolCallChanged') {
      const { id, status } = event.toolCall
      seen[id] = [...(seen[id] ?? []), status]
    }
  return seen
}

test('calls of one step run side by side, and their results reach the model in the order in which it asked', async () => {
  const { model } = conversations
  askForTools(model, [callOf('held', { n: 1 }), callOf('held', { n: 2 }), callOf('held', { n: 3 })], 'Let me see. ')
  const answered = answerTo('Do it all')
  const arrived = [await held.next(), await held.next(), await held.next()]
  for (const call of arrived.toReversed()) call.answer(`result ${call.arguments.n}`)
  const { events, run, answer, calls } = await answered
  expect(run).toMatchObject({ status: 'COMPLETED', error: null })
  expect(answer.text).toBe('Let me see. Echo: Do it all')
  expect(textOf(events)).toBe(answer.text)
  expect(resultsTold(model)).toEqual(['result 1', 'result 2', 'result 3'])
  expect(calls.map(({ step, status, output, arguments: args }) => ({ step, status, output, args }))).toEqual(
    [1, 2, 3].map((n) => ({ step: 0, status: 'SUCCEEDED', output: `result ${n}`, args: { n } })),
  )
  for (const { startedAt, finishedAt, durationMs } of calls) {
    expect(startedAt).not.toBeNull()
    expect(finishedAt).not.toBeNull()
    expect(durationMs).toBeGreaterThanOrEqual(0)
  }
  const seen = statusesByCall(events)
  expect(Object.keys(seen)).toEqual(calls.map(({ id }) => id))
  for (const statuses of Object.values(seen)) {
    // What an event shows is never older than the event, and may be newer.
    expect(statuses).toHaveLength(3)
    expect(statuses.at(-1)).toBe('SUCCEEDED')
  }
})

test('no more calls of a run are under way than the configuration allows', async () => {
  const { model } = conversations
  held.most = 0
  const many = 3 * concurrency
  askForTools(
    model,
    Array.from({ length: many }, (_, n) => callOf('held', { n })),
  )
  const answered = answerTo('Do many')
  for (let index = 0; index < many; index++) (await held.next()).answer(`result ${index}`)
  const { calls } = await answered
  expect(calls.map(({ status }) => status)).toEqual(Array.from({ length: many }, () => 'SUCCEEDED'))
  expect(held.most).toBeLessThanOrEqual(concurrency)

  held.most = 0
  askForTools(
    model,
    Array.from({ length: concurrency }, (_, n) => callOf('held', { n })),
  )
  const full = answerTo('Do as many as can be')
  const arrived = await Promise.all(Array.from({ length: concurrency }, () => held.next()))
  expect(held.most).toBe(concurrency)
  for (const call of arrived) call.answer('done')
  await full
})

test('each bad call is an error result of its own, and the good one beside them runs', {
  timeout: 15_000,
}, async () => {
  const { model } = conversations
  const bad = [
    [callOf('missing', {}), 'no tool named missing'],
    [callOf('count', 'no JSON'), 'no JSON object'],
    [callOf('count', '[1]'), 'no JSON object'],
    [callOf('count', `{"n":${'['.repeat(9_000)}${']'.repeat(9_000)}}`, 'call_deep'), 'nested too deep'],
    [callOf('count', { n: 'one' }), 'n must be integer'],
    [callOf('count', {}), 'must have n'],
    [callOf('broken', { n: 1 }), 'it is broken'],
    [callOf('huge', { n: 1 }), '2000'],
    [callOf('deaf', { n: 1 }), '2000 ms'],
    [callOf('count', { n: 7 }, 'call_good'), 'has the id call_good'],
    [callOf('denied', { n: 1 }), 'not allowed'],
  ] as const
  askForTools(model, [callOf('count', { n: 7 }, 'call_good'), ...bad.map(([call]) => call)])
  const { run, calls, asked } = await answerTo('Do what can be done')
  expect(run).toMatchObject({ status: 'COMPLETED', error: null })
  const [good, ...others] = calls
  expect(good).toMatchObject({ status: 'SUCCEEDED', output: 'counted 7', result: { n: 7 } })
  for (const [index, [call, problem]] of bad.entries()) {
    const status = call.name === 'denied' ? 'DENIED' : 'FAILED'
    expect(others[index], call.name).toMatchObject({ status, output: expect.stringContaining(problem), result: null })
    expect(others[index]?.output?.length).toBeLessThan(500)
  }
  expect(resultsTold(model)).toHaveLength(1 + bad.length)
  const offered = model.requests.at(-1)?.body?.tools as { function: { name: string } }[]
  expect(offered.map(({ function: { name } }) => name)).not.toContain('denied')
  expect(offered.map(({ function: { name } }) => name)).toContain('count')
  expect((await answerTo('Thanks', { threadId: asked.threadId })).run.status).toBe('COMPLETED')
})

test('of very much progress subscribers get a little, the first and the last of it always', async () => {
  const { model } = conversations
  askForTools(model, [callOf('counting', { n: 1 })])
  const { events, calls } = await answerTo('Count')
  const told = events.flatMap((event) => (event.__typename === 'ToolProgress' ? [event] : []))
  expect(told[0]).toMatchObject({ progress: 1, total: 10_000, detail: null, toolCallId: calls[0]?.id })
  expect(told.at(-1)).toMatchObject({ progress: 10_000 })
  expect(told.length).toBeLessThan(100)
})

test('a choice of a tool holds for the first turn of a run alone', async () => {
  const { model } = conversations
  const before = model.requests.length
  askForTools(model, [callOf('count', { n: 1 })])
  const { run } = await answerTo('Count', { options: { toolChoice: 'required' } })
  expect(run.status).toBe('COMPLETED')
  const choices = model.requests.slice(before).map(({ body }) => body?.tool_choice)
  expect(choices[0]).toBe('required')
  expect(choices[1] ?? 'auto').toBe('auto')
})

test('cancelRun lets go of the tools that run: nobody knows how those ended, and others were never sent', async () => {
  const { model, client, server } = conversations
  askForTools(
    model,
    Array.from({ length: concurrency + 1 }, (_, n) => callOf('held', { n })),
    'I ask. ',
  )
  const { threadId, runId, answerId, streamCursor } = await ask(client, 'Do many')
  await using follower = await Follower.open(server, { threadId, runId, after: streamCursor })
  const arrived = await Promise.all(Array.from({ length: concurrency }, () => held.next()))
  const { cancelRun } = await client.request(CancelRunDocument, { runId })
  expect(cancelRun.run).toMatchObject({ status: 'INTERRUPTED', message: { text: 'I ask. ' } })
  await Promise.all(arrived.map(({ aborted }) => aborted))
  const calls = await readCalls(client, answerId)
  const statuses = [...Array.from({ length: concurrency }, () => 'UNKNOWN'), 'CANCELLED']
  expect(calls.map(({ status }) => status)).toEqual(statuses)
  const seen = statusesByCall(await follower.collect())
  expect(calls.map(({ id }) => seen[id]?.at(-1))).toEqual(statuses)

  const { run } = await answerTo('Go on', { threadId })
  expect(run.status).toBe('COMPLETED')
  const told = resultsTold(model)
  expect(told.slice(0, concurrency)).toEqual(
    Array.from({ length: concurrency }, () => expect.stringContaining('Nobody knows how this call ended')),
  )
  expect(told.at(-1)).toContain('cancelled before it ran')
})
