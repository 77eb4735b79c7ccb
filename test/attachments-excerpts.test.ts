import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RegenerateMessageDocument, SendMessageDocument } from './generated/graphql.ts'
import { createTestClient } from './support/client.ts'
import { type Asked, ask, type Conversations } from './support/conversation.ts'
import { readAttachment, upload } from './support/files.ts'
import { Follower } from './support/follower.ts'
import { startScriptedModel } from './support/scripted-model.ts'
import { indexed } from './support/search.ts'
import { startTestServer } from './support/server.ts'

// What of a file is shown to a model that has no room for all of it.

const subjects = ['weather', 'livestock', 'timber trade', 'road network', 'folklore', 'geology', 'cuisine', 'music']
const chapters = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => {
    const subject = subjects[(from + index) % subjects.length]
    const sentence = `The ${subject} of the valley was described at length by those who came, and praised in letters home. `
    return `Chapter ${from + index}\n\n${sentence.repeat(6)}\n\n`
  }).join('')
const title = 'A Description of the Upper Valley'
const ferry = 'The ferryman Osgood charged three pennies for each passenger, and nothing for infants.'
const wolves =
  'In winter the wolves came down to the mill, and torches were lit to drive them off. A bear was seen twice beside the byre, and a lynx took lambs at night, so that the shepherds slept with their spears. A boar gored the miller, and two hounds were torn to pieces by the pack. Snakes lay under the bridge, and their bite killed within the hour. Nobody went to the forest alone, and children were kept behind the palisade after dusk.'
const valley = `${title}\n\n${chapters(0, 7)}${ferry}\n\n${chapters(7, 11)}${wolves}\n\n${chapters(11, 15)}`.trimEnd()

/** A server whose model has room for a third of that. */
async function startNarrow(config: { readonly search?: object }): Promise<Conversations> {
  await using resources = new AsyncDisposableStack()
  const model = resources.use(await startScriptedModel())
  model.onRequest(async (exchange) => {
    await exchange.text('Yes.')
    await exchange.finish()
  })
  const narrow = {
    id: 'narrow',
    kind: 'openai',
    baseUrl: model.baseUrl,
    models: [{ name: 'small', contextWindow: 1_100 }],
  }
  const server = resources.use(
    await startTestServer({ config: { providers: [narrow], defaultModel: 'narrow/small', ...config } }),
  )
  const client = resources.use(createTestClient(server))
  const held = resources.move()
  return { model, server, client, [Symbol.asyncDispose]: () => held.disposeAsync() }
}

/** What the model was given of the first message, once it has answered. */
async function shown({ server, model }: Conversations, ids: Pick<Asked, 'threadId' | 'runId'>): Promise<string> {
  await using follower = await Follower.open(server, ids)
  expect((await follower.collect()).at(-1)).toMatchObject({ status: 'COMPLETED' })
  return (await model.nextRequest()).asked.turns[0]?.text ?? ''
}

const note =
  /^valley\.md:\n\[The file has (\d+) characters\. There is room for (\d+) of them: its beginning, and the passages/

function expectExcerpt(text: string): void {
  const [, whole = '', part = ''] = note.exec(text) ?? []
  expect(Number(whole)).toBe(valley.length)
  expect(text.length).toBeGreaterThan(Number(part))
  // What 1,100 tokens leave beside the answer, and of that three quarters, with about five characters a token.
  expect(Number(part)).toBeGreaterThan(1_800)
  expect(Number(part)).toBeLessThan(4_000)
  expect(text).toContain(`]\n\n${title}\n\nChapter 0\n`)
  expect(text).toContain('\n[…]\n')
}

describe('without search', () => {
  let conversations: Conversations
  beforeAll(async () => {
    conversations = await startNarrow({})
  })
  afterAll(() => conversations?.[Symbol.asyncDispose]())

  test('a long text is shown by its beginning and the passages that hold the words of its question, the same in later turns', async () => {
    const { client } = conversations
    const { id } = await upload(conversations, 'valley.md', valley)
    const question = 'Who was driven off with a TORCH, and what did the ferrymen charge for a passenger?'
    const first = await ask(client, question, { attachmentIds: [id] })
    const text = await shown(conversations, first)
    expectExcerpt(text)
    expect(text).toContain(ferry)
    expect(text).toContain(wolves)
    expect(text.indexOf(ferry)).toBeLessThan(text.indexOf(wolves))
    expect(text.endsWith(question)).toBe(true)

    const second = await ask(client, 'And what of the livestock?', { threadId: first.threadId })
    expect(await shown(conversations, second)).toBe(text)
  })

  test('with nothing to go by, a long text is shown from its beginning', async () => {
    const { id } = await upload(conversations, 'valley.md', valley)
    const text = await shown(conversations, await ask(conversations.client, 'Summarise!', { attachmentIds: [id] }))
    expect(text).toMatch(/There is room for \d+ of them: its beginning\./)
    expect(text).toContain('Chapter 3\n')
    expect(text).not.toContain(ferry)
    expect(text).toMatch(/\n\[…\]Summarise!$/)
  })
})

test('with search, passages that mean what is asked are shown though they share no word with it', {
  timeout: 120_000,
}, async () => {
  await using conversations = await startNarrow({ search: {} })
  const { client } = conversations
  const { id } = await upload(conversations, 'valley.md', valley)
  await readAttachment(client, id)
  const { sendMessage } = await client.request(SendMessageDocument, {
    input: { text: 'Dangerous animals', attachmentIds: [id], respond: false },
  })
  await indexed(client)
  const { regenerateMessage } = await client.request(RegenerateMessageDocument, {
    input: { messageId: sendMessage.message?.id ?? '' },
  })
  const ids = { threadId: sendMessage.thread.id, runId: regenerateMessage.run?.id ?? '' }
  const text = await shown(conversations, ids)
  expectExcerpt(text)
  expect(text).toContain(wolves)
  expect(text).not.toContain(ferry)
})
