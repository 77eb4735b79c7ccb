import { expect, test } from 'vitest'
import { ask, finishTalking, readRun, startConversations, startTalking } from './support/conversation.ts'
import { createTestDatabase } from './support/database.ts'
import { Follower, isFinalStatus } from './support/follower.ts'
import { connectToRows } from './support/rows.ts'
import { echo } from './support/scripted-model.ts'

// A database that does not take a run's end, for a moment or for good.

const refusal = (runId: string) => `
  CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no space left'; END $$;
  CREATE TRIGGER refuse BEFORE UPDATE ON "Run" FOR EACH ROW
    WHEN (NEW.id = '${runId}' AND NEW.status = 'COMPLETED') EXECUTE FUNCTION refuse()`

test('a run whose end the database does not take at once is stored whole when it does', async () => {
  await using database = await createTestDatabase()
  await using conversations = await startConversations({ database })
  const { client, server } = conversations
  await using rows = await connectToRows(database)
  await using talking = await startTalking(conversations, ['All of it'])
  const { threadId, runId, streamCursor } = talking
  await rows.query(refusal(runId))
  await talking.exchange.finish()
  await warning(server.logLines, /could not be stored/)
  expect((await readRun(client, runId)).status).toBe('STREAMING')
  await rows.query('DROP TRIGGER refuse ON "Run"')
  await using follower = await Follower.open(server, { threadId, runId, after: streamCursor })
  expect((await follower.collect()).filter(isFinalStatus)).toMatchObject([{ status: 'COMPLETED' }])
  expect(await readRun(client, runId)).toMatchObject({ status: 'COMPLETED', message: { text: 'All of it' } })
})

test('a run whose end cannot be stored loses its lease, though its instance goes on with others, and is recovered', async () => {
  await using database = await createTestDatabase()
  await using conversations = await startConversations({ database, config: { runs: { leaseMs: 500 } } })
  const { client, server, model } = conversations
  await using rows = await connectToRows(database)
  await using other = await startTalking(conversations, ['I go on'])
  await using talking = await startTalking(conversations, ['I end'])
  const { threadId, runId, answerId, streamCursor } = talking
  await using follower = await Follower.open(server, { threadId, runId, after: streamCursor })
  await rows.query(refusal(runId))
  model.onRequest(echo)
  await talking.exchange.finish()
  // Its subscribers are told that what they have of it is void.
  await follower.nextOf('StreamReset')
  await rows.query('DROP TRIGGER refuse ON "Run"')
  expect((await follower.collect()).filter(isFinalStatus)).toHaveLength(1)
  const run = await readRun(client, runId)
  // As far as it was stored, it is ended with its text; what was not is answered again.
  expect(run.message).toMatchObject({ id: answerId, status: run.status })
  if (run.status === 'INTERRUPTED') expect(run.message?.text).toBe('I end')
  else expect(run.message?.text).toMatch(/^Echo: /)

  const next = await ask(client, 'Next', { threadId })
  await using end = await Follower.open(server, { threadId, runId: next.runId, after: next.streamCursor })
  await end.nextStatus('COMPLETED')
  await finishTalking(other)
}, 40_000)

/** The log is what tells of a try that failed. */
async function warning(lines: readonly Record<string, unknown>[], pattern: RegExp): Promise<void> {
  while (!lines.some(({ msg }) => pattern.test(String(msg)))) await new Promise((resolve) => setTimeout(resolve, 10))
}
