import { expect, test } from 'vitest'
import { FollowThreadDocument, SendMessageDocument } from './generated/graphql.ts'
import { createTestClient } from './support/client.ts'
import { startTestServer } from './support/server.ts'

test('a message is answered, and its events add up to the stored answer', async () => {
  await using server = await startTestServer()
  await using client = createTestClient(server)
  const { sendMessage } = await client.request(SendMessageDocument, { input: { text: 'Hello /fast' } })
  const { thread, run, streamCursor } = sendMessage
  let text = ''
  const types: string[] = []
  const variables = { threadId: thread.id, runId: run?.id ?? '', after: streamCursor }
  for await (const { messageStream: event } of client.subscribe(FollowThreadDocument, variables)) {
    types.push(event.__typename)
    if (event.__typename === 'TextDelta') {
      expect(event.offset).toBe(text.length)
      text += event.text
    }
    if (event.__typename === 'MessageFinished') expect(event.message.text).toBe(text)
  }
  expect(text.length).toBeGreaterThan(20)
  expect(types.filter((type) => type !== 'TextDelta')).toEqual([
    'MessageChanged',
    'MessageChanged',
    'RunStatusChanged',
    'RunStatusChanged',
    'RunStatusChanged',
    'MessageFinished',
    'RunStatusChanged',
  ])
})
