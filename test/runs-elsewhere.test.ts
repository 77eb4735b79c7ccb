import { expect, test } from 'vitest'
import { createTestClient } from './support/client.ts'
import { ask, finishTalking, scriptedProvider, startConversations, startTalking } from './support/conversation.ts'
import { createTestDatabase, hasPostgres } from './support/database.ts'
import { Follower } from './support/follower.ts'
import { echo } from './support/scripted-model.ts'
import { startTestServer } from './support/server.ts'

if (!hasPostgres()) process.stdout.write('skipped: no PostgreSQL for two instances on one database\n')

test.skipIf(!hasPostgres())('a run that was queued here and ended elsewhere is followed to its end here', async () => {
  await using database = await createTestDatabase('postgres')
  const runs = { leaseMs: 1000, concurrency: 1 }
  await using here = await startConversations({ database, config: { runs } })
  // This instance can carry one run, and does.
  await using talking = await startTalking(here, ['One'])
  here.model.onRequest(echo)
  const asked = await ask(here.client, 'Two')
  const { threadId, runId, streamCursor } = asked
  await using there = await startTestServer({ database, config: { ...scriptedProvider(here.model), runs } })
  await using elsewhere = createTestClient(there)
  await using carrier = await Follower.open(there, { threadId, runId })
  await carrier.collect()
  for (const after of [null, streamCursor]) {
    await using follower = await Follower.open(here.server, { threadId, runId, after })
    expect((await follower.collect()).slice(-2)).toMatchObject([
      { __typename: 'MessageSnapshot', message: { text: 'Echo: Two', status: 'COMPLETED' } },
      { __typename: 'RunStatusChanged', status: 'COMPLETED' },
    ])
  }
  const next = await ask(elsewhere, 'Three', { threadId })
  await using end = await Follower.open(there, { threadId, runId: next.runId, after: next.streamCursor })
  await end.nextStatus('COMPLETED')
  await finishTalking(talking)
})
