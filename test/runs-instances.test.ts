import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CancelRunDocument, DeleteThreadDocument } from './generated/graphql.ts'
import { createTestClient } from './support/client.ts'
import {
  ask,
  type Conversations,
  readMessage,
  readRun,
  readThread,
  requestFor,
  scriptedProvider,
  startTalking,
  type Talking,
} from './support/conversation.ts'
import { createTestDatabase, databaseKind, hasPostgres } from './support/database.ts'
import { Follower, isFinalStatus, textOf } from './support/follower.ts'
import { echo, type ScriptedModel, startScriptedModel } from './support/scripted-model.ts'
import { startTestServer } from './support/server.ts'

// Several instances on one database: a thread's rules hold over all of them, and each can stop what another runs.

/** They share one event loop here, which ten starts at once can hold up for seconds. */
const leaseMs = 10_000
const instanceCount = 10
if (!hasPostgres()) process.stdout.write('skipped: no PostgreSQL for several instances on one database\n')

// Once is enough: the suite also runs with PostgreSQL as the database of all other tests.
describe.skipIf(!hasPostgres() || databaseKind() === 'postgres')('instances on one database', () => {
  const resources = new AsyncDisposableStack()
  const instances: Conversations[] = []
  let rows: pg.Client
  let model: ScriptedModel
  let owner: Conversations
  let other: Conversations
  /** A run that goes on while all others come and go. */
  let long: Talking & { readonly startedAt: number }

  beforeAll(async () => {
    model = resources.use(await startScriptedModel())
    const database = resources.use(await createTestDatabase('postgres', { migrated: false }))
    rows = new pg.Client({ connectionString: database.url })
    await rows.connect()
    resources.defer(() => rows.end())
    const config = { ...scriptedProvider(model), runs: { leaseMs }, database: { poolMin: 1, poolSize: 3 } }
    // All at once on an empty database: this in itself is a guarantee.
    const starting = Array.from({ length: instanceCount }, () => startTestServer({ config, database }))
    for (const server of await Promise.all(starting)) {
      resources.use(server)
      const client = resources.use(createTestClient(server))
      instances.push({ model, server, client, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() })
    }
    const [first, second] = instances
    if (!first || !second) throw new Error('two are needed')
    owner = first
    other = second
    long = Object.assign(await startTalking(owner, ['So far']), { startedAt: Date.now() })
  })
  afterAll(() => resources.disposeAsync())

  it('are all ready when they start at once on an empty database', async () => {
    for (const { server } of instances) {
      const response = await fetch(server.url.replace(/graphql$/, 'ready'))
      expect(response.status).toBe(200)
    }
  })

  it("cancel each other's runs: it returns when the owner has stored the partial answer", async () => {
    await using talking = await startTalking(owner, ['So ', 'far'])
    const { runId, answerId, exchange, watcher } = talking
    const { cancelRun } = await other.client.request(CancelRunDocument, { runId })
    expect(cancelRun.run).toMatchObject({
      status: 'INTERRUPTED',
      error: null,
      message: { id: answerId, text: 'So far', status: 'INTERRUPTED' },
      usage: { estimated: true },
    })
    await exchange.closed
    const events = await watcher.collect(isFinalStatus)
    expect(events.at(-1)).toMatchObject({ status: 'INTERRUPTED', runId })
    expect(await readMessage(owner.client, answerId)).toMatchObject({ text: 'So far', status: 'INTERRUPTED' })
  })

  it("cancel runs that wait in each other's lines, and the next one has its turn", async () => {
    await using talking = await startTalking(owner, ['So far'])
    const { threadId, exchange } = talking
    const queued = await ask(owner.client, 'never asked', { threadId })
    const behind = await ask(owner.client, 'asked', { threadId })
    const { cancelRun } = await other.client.request(CancelRunDocument, { runId: queued.runId })
    expect(cancelRun.run).toMatchObject({ status: 'INTERRUPTED', message: { text: '' } })
    await exchange.finish()
    const next = await requestFor(model, 'asked')
    await next.finish()
    await ended(behind.runId)
    expect(await statusOf(behind.runId)).toBe('COMPLETED')
    expect(model.requests.filter(({ body }) => body?.messages.at(-1)?.content === 'never asked')).toEqual([])
  })

  it("interrupt each other's runs with a new message, which is answered", async () => {
    await using talking = await startTalking(owner, ['So far'])
    const { threadId, runId, answerId, exchange } = talking
    const next = await ask(other.client, 'something else', { threadId, whenBusy: 'INTERRUPT' })
    const answering = await requestFor(model, 'something else')
    await exchange.closed
    expect(answering.body.messages.map(({ content }) => content).slice(-2)).toEqual(['So far', 'something else'])
    expect(await readRun(other.client, runId)).toMatchObject({ status: 'INTERRUPTED', message: { text: 'So far' } })
    await answering.finish()
    await ended(next.runId)
    const [, , question] = (await readThread(other.client, threadId)).branch.nodes
    expect(question).toMatchObject({ id: next.questionId, parentId: answerId })
  })

  it("stop each other's runs when a thread is deleted", async () => {
    await using talking = await startTalking(owner, ['So far'])
    const { threadId, runId, exchange } = talking
    await other.client.request(DeleteThreadDocument, { threadId })
    await exchange.closed
    expect(await statusOf(runId)).toBe('INTERRUPTED')
  })

  it("give a snapshot of the stored text of each other's runs", async () => {
    await using talking = await startTalking(owner, ['So far'])
    const { threadId, runId, answerId, exchange } = talking
    await expect.poll(async () => (await readMessage(other.client, answerId)).text, { timeout: 10_000 }).toBe('So far')
    await using follower = await Follower.open(other.server, { threadId })
    expect(await follower.next()).toMatchObject({ __typename: 'MessageSnapshot', runId, message: { text: 'So far' } })
    await exchange.text(' and further')
    await exchange.finish()
    await ended(runId)
    await using late = await Follower.open(other.server, { threadId, runId })
    const events = await late.collect()
    expect(textOf(events)).toBe('So far and further')
    expect(events.at(-1)).toMatchObject({ status: 'COMPLETED' })
  })

  it('answer messages that come in at all of them in one line: no fork, no loss, one run at a time', async () => {
    model.onRequest(echo)
    const { threadId } = await ask(owner.client, 'first')
    const texts = Array.from({ length: 30 }, (_, index) => `message ${index}`)
    const sent = await Promise.all(
      texts.map((text, index) => ask((instances[index % instanceCount] ?? owner).client, text, { threadId })),
    )
    for (const { runId } of sent) await ended(runId)

    const thread = await readThread(other.client, threadId)
    expect(thread.messages.totalCount).toBe(62)
    const questions = thread.branch.nodes.filter(({ role }) => role === 'USER').map(({ text }) => text)
    expect(questions).toHaveLength(31)
    expect(new Set(questions)).toEqual(new Set(['first', ...texts]))
    expect(new Set(thread.runs.nodes.map(({ status }) => status))).toEqual(new Set(['COMPLETED']))
    expect(thread.activeRun).toBeNull()
    const times = thread.runs.nodes
      .map(({ startedAt, finishedAt }) => [startedAt, finishedAt].map((at) => Date.parse(at ?? '')))
      .reverse()
    expect(times.flat()).toEqual(times.flat().toSorted((left, right) => left - right))
  })

  it("leave each other's runs alone, however long they take", async () => {
    const { runId, exchange, startedAt } = long
    const age = async () => Number((await leaseOf(runId)).until) - startedAt
    await expect.poll(age, { timeout: 25_000, interval: 200 }).toBeGreaterThan(2 * leaseMs)
    expect((await leaseOf(runId)).fence).toBe(1)
    await exchange.finish()
    await ended(runId)
    await long[Symbol.asyncDispose]()
  })

  async function statusOf(runId: string): Promise<string | undefined> {
    const { rows: found } = await rows.query<{ status: string }>('SELECT status FROM "Run" WHERE id = $1', [runId])
    return found[0]?.status
  }

  /** Whichever instance carries it: only the database knows when it ends. */
  async function ended(runId: string): Promise<void> {
    await expect.poll(() => statusOf(runId), { timeout: 15_000, interval: 20 }).toMatch(/COMPLETED|INTERRUPTED|FAILED/)
  }

  async function leaseOf(runId: string): Promise<{ fence: number; until: Date }> {
    const { rows: found } = await rows.query<{ fence: number; until: Date }>(
      'SELECT fence, "leaseUntil" AS until FROM "Run" WHERE id = $1',
      [runId],
    )
    const [lease] = found
    if (!lease) throw new Error(`no run ${runId}`)
    return lease
  }
})
