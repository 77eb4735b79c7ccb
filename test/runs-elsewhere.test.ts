import { expect, test } from 'vitest'
import { decide } from './support/asking.ts'
import { createTestClient } from './support/client.ts'
import { ask, finishTalking, scriptedProvider, startConversations, startTalking } from './support/conversation.ts'
import { createTestDatabase, hasPostgres } from './support/database.ts'
import { Follower } from './support/follower.ts'
import { HeldTool } from './support/held-tool.ts'
import { echo } from './support/scripted-model.ts'
import { startTestServer } from './support/server.ts'
import { askForTools, callOf, startToolConversations } from './support/tool-conversation.ts'

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

test.skipIf(!hasPostgres())(
  'a run that waited here and ended elsewhere is shown whole here, and is not the next one',
  async () => {
    await using database = await createTestDatabase('postgres')
    const tools = [new HeldTool('asking', { isReadOnly: false }).tool]
    await using here = await startToolConversations({ tools, database })
    const { model, client, server } = here
    await using there = await startToolConversations({ tools, database, model })
    askForTools(model, [callOf('asking')], 'I ask. ')
    const { threadId, runId, streamCursor } = await ask(client, 'One')
    await using tab = await Follower.open(server, { threadId, after: streamCursor })
    const { approval } = await tab.nextOf('ToolApprovalRequested')
    await tab.nextStatus('AWAITING_APPROVAL')

    await using carrier = await Follower.open(there.server, { threadId, runId })
    await decide(there.client, { approvalId: approval.id, decision: 'DENY' })
    await carrier.nextStatus('COMPLETED')
    await using follower = await Follower.open(server, { threadId, runId })
    expect(await follower.collect()).toMatchObject([
      { __typename: 'MessageSnapshot', message: { text: 'I ask. Echo: One', status: 'COMPLETED' } },
      { __typename: 'RunStatusChanged', status: 'COMPLETED' },
    ])

    await using talking = await startTalking(here, ['Two'], { threadId })
    await using other = await Follower.open(server, { threadId })
    expect(await other.next()).toMatchObject({
      __typename: 'MessageSnapshot',
      runId: talking.runId,
      message: { text: 'Two' },
    })
    await finishTalking(talking)
  },
)
