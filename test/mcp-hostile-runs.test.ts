import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type FollowThreadSubscription, TypedDocumentString } from './generated/graphql.ts'
import { type Asked, ask, readMessage, readRun } from './support/conversation.ts'
import { stdio } from './support/hostile-mcp/entries.ts'
import { expectUnharmed } from './support/hostile-mcp/unharmed.ts'
import { type HostileWorld, openHostileWorld } from './support/hostile-mcp/world.ts'
import type { WireToolCall } from './support/wire/wire.ts'

// Runs whose model calls tools of hostile MCP servers.

const resources = new AsyncDisposableStack()
let world: HostileWorld
beforeAll(async () => {
  const servers = {
    'changing-tool': stdio('changing-tool', { approval: 'ask' }),
    answers: stdio('answers'),
    'answers-soon': stdio('answers', { timeoutMs: 500 }),
    results: stdio('results'),
    questions: stdio('questions'),
  }
  world = resources.use(
    await openHostileWorld(servers, {
      tools: { policy: { allow: ['changing-tool__change', 'changing-tool__report'] } },
    }),
  )
  for (const id of Object.keys(servers)) await world.ready(id)
  await world.beQuiet()
})
afterAll(() => resources.disposeAsync())

/** The model asks for these, and then says that it is done. */
async function askFor(calls: readonly Omit<WireToolCall, 'id'>[]): Promise<Asked> {
  const { model, running } = world
  model.onNextRequest(async (exchange) => {
    for (const [index, call] of calls.entries()) await exchange.toolCall({ ...call, id: `call_${index}`, index })
    await exchange.finish({ reason: exchange.wire.reasons['tool-calls'] ?? '' })
  })
  model.onNextRequest(async (exchange) => {
    await exchange.text('Done.')
    await exchange.finish()
  })
  return ask(running.client, 'Do what you have to')
}

async function ended({ runId }: Asked) {
  for (;;) {
    const run = await readRun(world.running.client, runId)
    if (['COMPLETED', 'FAILED', 'INTERRUPTED'].includes(run.status)) return run
    await delay(20)
  }
}

interface CallView {
  readonly name: string
  readonly status: string
  readonly output: string | null
}

const readCalls = new TypedDocumentString<{ node: { toolCalls: readonly CallView[] } }, { id: string }>(
  'query ($id: ID!) { node(id: $id) { ... on Run { toolCalls { name status output } } } }',
)

async function callsOf({ runId }: Asked): Promise<readonly CallView[]> {
  return (await world.running.client.request(readCalls, { id: runId })).node.toolCalls
}

/** What the model was told of its calls, in the order in which it asked. */
function toldOf(): string[] {
  const { messages = [] } = world.model.requests.at(-1)?.body ?? {}
  return messages.filter(({ role }) => role === 'tool').map(({ content }) => String(content))
}

interface PendingData {
  readonly pendingApprovals: {
    readonly nodes: readonly { readonly id: string; readonly toolCall: { readonly name: string } }[]
  }
  readonly pendingElicitations: readonly { readonly id: string }[]
}

const readPending = new TypedDocumentString<PendingData, object>(
  '{ pendingApprovals { nodes { id toolCall { name } } } pendingElicitations { id } }',
)

const pending = () => world.running.client.request(readPending, {})

/** The approval that waits, once there is one beside those that were seen. */
async function nextApproval(seen: readonly string[] = []): Promise<string> {
  for (;;) {
    const approval = (await pending()).pendingApprovals.nodes.find(({ id }) => !seen.includes(id))
    if (approval) return approval.id
    await delay(20)
  }
}

const decide = new TypedDocumentString<unknown, { id: string }>(
  'mutation ($id: ID!) { decideToolApproval(input: { approvalId: $id, decision: APPROVE }) { approval { status } } }',
)

test('a tool that becomes another one between the question and the decision is asked for again', async () => {
  const asked = await askFor([{ name: 'changing-tool__delete_notes', arguments: '{"note":"draft"}' }])
  const first = await nextApproval()
  expect(await world.execute('changing-tool__change')).toMatchObject({ output: 'changed' })
  await world.serverThat('changing-tool', ({ tools }) =>
    tools.some(({ description }) => description?.includes('every note')),
  )
  const deleted = async () => JSON.parse((await world.execute('changing-tool__report')).output).methods['tools/call']
  const before = await deleted()

  await world.running.client.request(decide, { id: first })
  const second = await nextApproval([first])
  // Of the calls since, all are this test's own.
  expect(await deleted()).toBe(before + 1)

  await world.running.client.request(decide, { id: second })
  expect(await ended(asked)).toMatchObject({ status: 'COMPLETED' })
  expect(toldOf()).toEqual(['deleted {"note":"draft"}'])
  expect(await deleted()).toBe(before + 3)
})

test('tools that crash, lie, and break every bound are error results, and the run goes on to its end', async () => {
  const names = [
    'answers__crash',
    'answers-soon__never',
    'results__nul',
    'results__misfit',
    'results__content_odd',
    'results__proto',
    'answers-soon__late',
    'questions__progress_odd',
  ]
  const asked = await world.beside(async () => {
    const started = await askFor(names.map((name) => ({ name, arguments: '{}' })))
    expect(await ended(started)).toMatchObject({ status: 'COMPLETED' })
    return started
  })
  const calls = await callsOf(asked)
  expect(calls.map(({ name }) => name)).toEqual(names)
  expect(calls.map(({ status }) => status)).toEqual([
    'FAILED',
    'FAILED',
    'SUCCEEDED',
    'FAILED',
    'SUCCEEDED',
    'SUCCEEDED',
    'FAILED',
    'SUCCEEDED',
  ])
  expect(toldOf()).toEqual(calls.map(({ output }) => output))
  expect(calls[2]?.output).toBe('a\uFFFDb\uFFFDc')
  expect(await readMessage(world.running.client, asked.answerId)).toMatchObject({ status: 'COMPLETED', text: 'Done.' })
})

test('5,000 steps of progress do not drown the stream of a run', async () => {
  const follow = new TypedDocumentString<FollowThreadSubscription, object>(
    'subscription ($threadId: ID!, $runId: ID, $after: String) { messageStream(threadId: $threadId, runId: $runId, after: $after) { __typename cursor ... on ToolProgress { progress total } } }',
  )
  await world.ready('questions')
  const asked = await askFor([{ name: 'questions__progress_flood', arguments: '{}' }])
  const { threadId, runId, streamCursor: after } = asked
  let count = 0
  let last: unknown
  for await (const { messageStream } of world.running.client.subscribe(follow, { threadId, runId, after })) {
    count++
    if (messageStream.__typename === 'ToolProgress') last = messageStream
  }
  expect(await ended(asked)).toMatchObject({ status: 'COMPLETED' })
  expect(count).toBeLessThan(2_000)
  expect(last).toMatchObject({ progress: 4_999, total: 5_000 })
  await world.ready('questions')
})

test('of 50 questions in one call a person is shown a few, and the others are answered by nobody', async () => {
  const answer = new TypedDocumentString<unknown, { id: string }>(
    'mutation ($id: ID!) { answerElicitation(input: { elicitationId: $id, action: DECLINE }) { elicitationId } }',
  )
  const asked = await askFor([{ name: 'questions__elicit_burst', arguments: '{}' }])
  const answered = new Set<string>()
  const isOver = async () => (await readRun(world.running.client, asked.runId)).status === 'COMPLETED'
  await world.beside(async () => {
    // Those that come while some are answered may be shown in their place.
    while (!(await isOver())) {
      const { pendingElicitations } = await pending()
      expect(pendingElicitations.length).toBeLessThanOrEqual(16)
      for (const { id } of pendingElicitations) {
        await world.running.client.request(answer, { id })
        answered.add(id)
      }
    }
  })
  const { decline = 0, cancel = 0 } = JSON.parse(toldOf()[0] ?? '{}')
  expect(answered.size).toBeGreaterThan(0)
  expect(answered.size).toBeLessThanOrEqual(20)
  expect({ decline, cancel }).toEqual({ decline: answered.size, cancel: 50 - answered.size })
})

test('none of it slows down another server, fills the memory or the log, or ends the process', async ({ task }) => {
  await expectUnharmed(world, task)
})
