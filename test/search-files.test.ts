import { expect, test } from 'vitest'
import { SendMessageDocument } from './generated/graphql.ts'
import { createTestClient } from './support/client.ts'
import { readAttachment, upload } from './support/files.ts'
import { find, indexed } from './support/search.ts'
import { startTestServer } from './support/server.ts'

test('what a file says leads to the message that it was sent with', { timeout: 60_000 }, async () => {
  await using server = await startTestServer({ config: { llm: { enabled: false }, search: {} } })
  await using client = createTestClient(server)
  const { id } = await upload({ server }, 'minutes.txt', 'The bridge at Remagen is closed for repairs until autumn.')
  const { sendMessage } = await client.request(SendMessageDocument, {
    input: { text: 'Please look at this.', attachmentIds: [id] },
  })
  await readAttachment(client, id)
  await indexed(client)
  for (const mode of ['FULL_TEXT', 'SEMANTIC', 'REGEX', 'HYBRID'] as const) {
    const [first] = await find(client, mode === 'SEMANTIC' ? 'the crossing cannot be used' : 'remagen', { mode })
    expect(first?.message.id).toBe(sendMessage.message?.id)
    expect(first?.snippet).toMatch(/bridge at (<mark>)?Remagen/)
  }
})
