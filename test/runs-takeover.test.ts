import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CancelRunDocument } from './generated/graphql.ts'
import { createTestClient, type TestClient } from './support/client.ts'
import { type Asked, ask, readMessage, readRun } from './support/conversation.ts'
import { createTestDatabase, databaseKind, hasPostgres, type TestDatabase } from './support/database.ts'
import { Follower, isFinalStatus, textOf } from './support/follower.ts'
import { type ServerProcess, startProcess } from './support/process.ts'
import { type Exchange, type ScriptedModel, startScriptedModel } from './support/scripted-model.ts'
import { startTestServer, type TestServer } from './support/server.ts'

// An instance that dies or stalls, and another one on the same database that takes its runs over.

const leaseMs = 3000
if (!hasPostgres()) process.stdout.write('skipped: no PostgreSQL for two instances on one database\n')

interface RunRow {
  readonly status: string
  readonly fence: number
  readonly leaseUntil: Date | null
  readonly finishedAt: Date | null
  readonly text: string
}

// Once is enough: the suite also runs with PostgreSQL as the database of all other tests.
describe.skipIf(!hasPostgres() || databaseKind() === 'postgres')('a run whose instance is gone', () => {
  const resources = new AsyncDisposableStack()
  let database: TestDatabase
  let rows: pg.Client
  let model: ScriptedModel
  const unclaimed = new Set<Exchange>()
  /** The instance that stays. */
  let server: TestServer
  let client: TestClient
  beforeAll(async () => {
    model = resources.use(await startScriptedModel())
    database = resources.use(await createTestDatabase('postgres'))
    rows = new pg.Client({ connectionString: database.url })
    await rows.connect()
    resources.defer(() => rows.end())
    const providers = [{ id: 'openai', kind: 'openai', baseUrl: model.baseUrl, models: ['scripted-model'] }]
    server = resources.use(
      await startTestServer({
        database,
        config: { providers, defaultModel: 'openai/scripted-model', runs: { leaseMs } },
      }),
    )
    client = resources.use(createTestClient(server))
  })
  afterAll(() => resources.disposeAsync())

  /** Another instance, in a process of its own, that a test can stop and kill. */
  async function startOwner(): Promise<{ owner: ServerProcess; ownerUrls: { url: string; webSocketUrl: string } }> {
    const owner = await startProcess({
      env: {
        DATABASE_URL: database.url ?? '',
        OPENAI_BASE_URL: model.baseUrl,
        PARLEY_DEFAULT_MODEL: 'openai/scripted-model',
        PARLEY_RUNS_LEASE_MS: String(leaseMs),
      },
    })
    const url = `${owner.url}/graphql`
    return { owner, ownerUrls: { url, webSocketUrl: url.replace(/^http/, 'ws') } }
  }

  async function rowOf(runId: string): Promise<RunRow> {
    const { rows: found } = await rows.query<RunRow>(
      `SELECT r.status, r.fence, r."leaseUntil", r."finishedAt", m.text FROM "Run" r
       JOIN "Message" m ON m.id = r."messageId" WHERE r.id = $1`,
      [runId],
    )
    const [row] = found
    if (!row) throw new Error(`no run ${runId}`)
    return row
  }

  /** The next request for a question; those for others wait until they are asked for. */
  async function requestFor(question: string): Promise<Exchange> {
    for (;;) {
      const found = [...unclaimed].find(({ lastUserText }) => lastUserText === question)
      if (found) {
        unclaimed.delete(found)
        return found
      }
      unclaimed.add(await model.nextRequest())
    }
  }

  async function askHeld(owner: TestClient, text: string): Promise<{ asked: Asked; exchange: Exchange }> {
    const asked = await ask(owner, text)
    return { asked, exchange: await requestFor(text) }
  }

  /** Lets the model say something, and returns when it is stored. */
  async function sayStored({ asked, exchange }: Awaited<ReturnType<typeof askHeld>>, text: string): Promise<void> {
    await exchange.text(text)
    await expect.poll(async () => (await rowOf(asked.runId)).text, { timeout: 10_000 }).toBe(text)
  }

  it('is taken over where the instance was killed: begun again, or ended with what it had said', async () => {
    model.hold()
    const { owner, ownerUrls } = await startOwner()
    await using _owner = owner
    await using ownerClient = createTestClient(ownerUrls)
    const silent = await askHeld(ownerClient, 'silent')
    const talking = await askHeld(ownerClient, 'talking')
    const behind = await ask(ownerClient, 'behind', { threadId: talking.asked.threadId })
    const unwanted = await askHeld(ownerClient, 'unwanted')
    await sayStored(talking, 'So far')
    await sayStored(unwanted, 'Too much')
    const followers = await Promise.all(
      [silent.asked, talking.asked, behind].map(({ threadId, runId }) => Follower.open(server, { threadId, runId })),
    )
    owner.kill('SIGKILL')
    await owner.exited
    const { leaseUntil } = await rowOf(talking.asked.runId)

    // Nobody is there to heed it: whoever takes the run over does.
    const { cancelRun } = await client.request(CancelRunDocument, { runId: unwanted.asked.runId })
    expect(cancelRun.run).toMatchObject({
      status: 'INTERRUPTED',
      error: null,
      message: { text: 'Too much' },
      usage: { estimated: true },
    })
    const again = await requestFor('silent')
    expect(await rowOf(silent.asked.runId)).toMatchObject({ status: 'RUNNING', fence: 2 })
    await again.text('Begun again')
    await again.finish()
    const last = await requestFor('behind')
    expect(last.body.messages.map(({ content }) => content)).toEqual(['talking', 'So far', 'behind'])
    await last.text('Next')
    await last.finish()
    const [ofSilent, ofTalking, ofBehind] = await Promise.all(followers.map((follower) => follower.collect()))

    expect(ofSilent?.at(-1)).toMatchObject({ status: 'COMPLETED' })
    expect(textOf(ofSilent ?? [])).toBe('Begun again')
    expect(await readMessage(client, silent.asked.answerId)).toMatchObject({ text: 'Begun again', status: 'COMPLETED' })
    expect(ofTalking?.filter(isFinalStatus)).toMatchObject([{ status: 'INTERRUPTED' }])
    expect(await readRun(client, talking.asked.runId)).toMatchObject({
      status: 'INTERRUPTED',
      error: { code: 'INTERNAL', retryable: true },
      message: { text: 'So far', status: 'INTERRUPTED' },
      usage: { estimated: true },
    })
    expect(ofBehind?.at(-1)).toMatchObject({ status: 'COMPLETED', run: { message: { text: 'Next' } } })
    // Within twice the lease of its last renewal.
    const { finishedAt } = await rowOf(talking.asked.runId)
    expect(Number(finishedAt) - Number(leaseUntil)).toBeLessThan(leaseMs)
    await Promise.all(followers.map((follower) => follower[Symbol.asyncDispose]()))
  })

  it('is not written any more by an instance that stalled and wakes up', async () => {
    model.hold()
    const { owner, ownerUrls } = await startOwner()
    await using _owner = owner
    await using ownerClient = createTestClient(ownerUrls)
    const ending = await askHeld(ownerClient, 'ending')
    const going = await askHeld(ownerClient, 'going')
    const talking = await askHeld(ownerClient, 'talking')
    await sayStored(talking, 'So far')
    const watchers: Follower[] = []
    for (const { asked } of [ending, going, talking]) {
      const watcher = await Follower.open(ownerUrls, { threadId: asked.threadId, after: asked.streamCursor })
      await watcher.nextStatus('RUNNING')
      watchers.push(watcher)
    }
    await using ended = await Follower.open(server, { threadId: talking.asked.threadId, runId: talking.asked.runId })
    owner.kill('SIGSTOP')

    const newEnding = await requestFor('ending')
    const newGoing = await requestFor('going')
    await ended.collect()
    expect(await rowOf(talking.asked.runId)).toMatchObject({ status: 'INTERRUPTED', text: 'So far' })
    await sayStored({ asked: ending.asked, exchange: newEnding }, 'New')
    await sayStored({ asked: going.asked, exchange: newGoing }, 'New')

    for (const { exchange } of [ending, going, talking]) await exchange.text(' and a stale text that is longer')
    await ending.exchange.finish()
    await talking.exchange.finish()
    owner.kill('SIGCONT')
    // Its subscribers are told that what they have seen of the run is void.
    for (const watcher of watchers) {
      await watcher.nextOf('StreamReset')
      await watcher[Symbol.asyncDispose]()
    }
    for (const { asked } of [ending, going]) {
      expect(await rowOf(asked.runId)).toMatchObject({ status: 'STREAMING', text: 'New', fence: 2 })
      // Whoever asks the old owner is not shown what it believed.
      expect(await readMessage(ownerClient, asked.answerId)).toMatchObject({ text: 'New' })
    }

    for (const { asked, exchange } of [
      { ...ending, exchange: newEnding },
      { ...going, exchange: newGoing },
    ]) {
      await using follower = await Follower.open(server, { threadId: asked.threadId, runId: asked.runId })
      await exchange.text(' answer')
      await exchange.finish()
      await follower.collect()
      expect(await rowOf(asked.runId)).toMatchObject({ status: 'COMPLETED', text: 'New answer', fence: 2 })
      expect(await readMessage(ownerClient, asked.answerId)).toMatchObject({ text: 'New answer', status: 'COMPLETED' })
    }
    expect(await readRun(ownerClient, talking.asked.runId)).toMatchObject({
      status: 'INTERRUPTED',
      message: { text: 'So far' },
    })
  })
})
