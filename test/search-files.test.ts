import { expect, test, vi } from 'vitest'
import { SearchStatusDocument, SendMessageDocument, UpdateMessageDocument } from './generated/graphql.ts'
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
  for (const mode of ['FULL_TEXT', 'REGEX', 'HYBRID'] as const) {
    const [named] = await find(client, 'minutes.txt', { mode })
    expect(named?.message.id).toBe(sendMessage.message?.id)
  }
})

test('a long file is found to its end, though the messages around it are changed while it is indexed', {
  timeout: 120_000,
}, async () => {
  await using server = await startTestServer({ config: { llm: { enabled: false }, search: {} } })
  await using client = createTestClient(server)
  const line = (number: number) => `Row ${number} of the ledger says ${number * 7919} in the column of the treasurer.\n`
  const ledger = Array.from({ length: 6_000 }, (_, index) => line(index)).join('')
  const { id } = await upload({ server }, 'ledger.txt', ledger)
  await readAttachment(client, id)
  const send = (text: string) => client.request(SendMessageDocument, { input: { text, attachmentIds: [id] } })
  const first = (await send('Keep the ledger.')).sendMessage.message?.id ?? ''
  await client.request(UpdateMessageDocument, { input: { messageId: first, text: 'Mind the ledger.' } })
  const second = (await send('Keep it again.')).sendMessage.message?.id ?? ''
  await vi.waitFor(
    async () => {
      const { searchStatus } = await client.request(SearchStatusDocument, {})
      expect(searchStatus.pendingMessages).toBe(0)
    },
    { timeout: 60_000, interval: 50 },
  )
  for (const row of [1, 3_000, 5_999]) {
    const found = await find(client, String(row * 7919), { mode: 'FULL_TEXT' })
    expect(found.map(({ message }) => message.id).toSorted()).toEqual([first, second].toSorted())
  }
  expect(await find(client, 'mind', { mode: 'FULL_TEXT' })).toHaveLength(1)
})
