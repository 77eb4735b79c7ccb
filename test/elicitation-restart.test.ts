import { expect, test } from 'vitest'
import { toldResults } from './support/asking.ts'
import { readRun } from './support/conversation.ts'
import { createTestDatabase } from './support/database.ts'
import { Follower } from './support/follower.ts'
import { type Asking, inquirer, pendingQuestions, refusalOf, startQuestion } from './support/questions.ts'
import { startScriptedModel } from './support/scripted-model.ts'
import { readCalls, startToolConversations } from './support/tool-conversation.ts'

/** A question that is open when its server stops. */
async function askAndStop(place: Parameters<typeof startToolConversations>[0]): Promise<Asking> {
  await using conversations = await startToolConversations(place)
  await using asking = await startQuestion(conversations)
  expect(await pendingQuestions(conversations.client)).toMatchObject([{ id: asking.elicitation.id }])
  return asking
}

test('a restart closes a question: it is asked and answered no more, and its run goes on without it', async () => {
  await using model = await startScriptedModel()
  await using database = await createTestDatabase()
  const place = { model, tools: [inquirer], database }
  const { elicitation, threadId, runId, answerId } = await askAndStop(place)

  await using after = await startToolConversations(place)
  const { client } = after
  expect(await pendingQuestions(client)).toEqual([])
  const answer = { elicitationId: elicitation.id, action: 'ACCEPT', content: { name: 'Ann' } } as const
  expect(await refusalOf(client, answer)).toMatchObject({ code: 'NOT_FOUND', field: 'elicitationId' })
  await using follower = await Follower.open(after.server, { threadId, runId })
  const events = await follower.collect()
  expect(events.map(({ __typename }) => __typename)).not.toContain('ElicitationRequested')
  expect(await readRun(client, runId)).toMatchObject({ status: 'COMPLETED', error: null })
  expect(await readCalls(client, answerId)).toMatchObject([{ id: elicitation.toolCallId, status: 'UNKNOWN' }])
  expect(toldResults(model)).toEqual([{ id: 'call_1', text: expect.stringContaining('Nobody knows') }])
})
