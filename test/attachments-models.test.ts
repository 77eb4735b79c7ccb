import { readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { kinds } from '../src/providers/kinds.ts'
import {
  DeleteAttachmentDocument,
  EditMessageDocument,
  RegenerateMessageDocument,
  SendMessageDocument,
  type SendMessageInput,
} from './generated/graphql.ts'
import { createTestClient } from './support/client.ts'
import { ask, type Conversations, readRun, startConversations } from './support/conversation.ts'
import { createTestDatabase } from './support/database.ts'
import { readAttachment, upload } from './support/files.ts'
import { Follower } from './support/follower.ts'
import { type ScriptedModel, startScriptedModel } from './support/scripted-model.ts'
import { startTestServer } from './support/server.ts'
import type { WireRequest } from './support/wire/wire.ts'
import { wires } from './support/wire/wires.ts'

// What models are shown of files: in each provider's own API, and what of it where not all can be shown.

const contentOf = (name: string) => readFileSync(new URL(`files/${name}`, import.meta.url))
const lamp = contentOf('lamp.png')

/** Ends what was asked, and gives what the model was asked last. */
async function answered(
  { server, model }: Pick<Conversations, 'server' | 'model'>,
  { threadId, runId }: { threadId: string; runId: string },
): Promise<WireRequest> {
  await using follower = await Follower.open(server, { threadId, runId })
  expect((await follower.collect()).at(-1)).toMatchObject({ status: 'COMPLETED' })
  return lastAsked(model)
}

async function lastAsked(model: ScriptedModel): Promise<WireRequest> {
  const { asked } = await model.nextRequest()
  return asked
}

const present = Object.values(wires).filter(({ kind }) => kind in kinds)

describe.each(present.map((wire) => [wire.kind, wire] as const))('a model of kind %s', (kind, wire) => {
  test('is given the texts of documents, and images', async () => {
    await using model = await startScriptedModel({ wire })
    const provider = { id: 'files', kind, baseUrl: model.baseUrl, apiKey: 'key', models: ['scripted-model'] }
    await using server = await startTestServer({
      config: { providers: [provider], defaultModel: 'files/scripted-model' },
    })
    await using client = createTestClient(server)
    const names = ['survey.pdf', 'survey.docx', 'boats.csv', 'lamp.png']
    const attachmentIds: string[] = []
    for (const name of names) attachmentIds.push((await upload({ server }, name, contentOf(name))).id)

    const asked = await ask(client, 'What do they say?', { attachmentIds })
    const { turns, images, problems } = await answered({ server, model }, asked)
    expect(problems).toEqual([])
    const text = turns.map((turn) => turn.text).join('\n')
    for (const name of names.slice(0, 3)) expect(text).toContain(`${name}:\n`)
    expect(text.match(/QX-7731/g)).toHaveLength(2)
    expect(text).toContain('2,"Wind, ""Sea"" & Sun",South,9.1')
    expect(text).toContain('What do they say?')
    expect(images).toEqual([{ mediaType: 'image/png', data: lamp.toString('base64') }])
  })
})

describe('of a conversation', () => {
  let conversations: Conversations
  beforeAll(async () => {
    const model = await startScriptedModel()
    const providers = [
      { id: 'scripted', kind: 'openai', baseUrl: model.baseUrl, models: ['scripted-model', 'gpt-3.5-turbo'] },
      {
        id: 'narrow',
        kind: 'openai',
        baseUrl: model.baseUrl,
        models: [{ name: 'small', contextWindow: 1_000 }],
      },
    ]
    const config = { providers, defaultModel: 'scripted/scripted-model', fallbacks: {} }
    conversations = { ...(await startConversations({ config })), model }
  })
  afterAll(async () => {
    await conversations?.[Symbol.asyncDispose]()
    await conversations?.model[Symbol.asyncDispose]()
  })

  const store = async (name: string, content: string | Uint8Array<ArrayBuffer>) =>
    (await upload(conversations, name, content)).id
  const asked = async (text: string, input: Partial<SendMessageInput> = {}) => {
    const sent = await ask(conversations.client, text, input)
    return { ...sent, request: await answered(conversations, sent) }
  }
  const refusal = async (input: SendMessageInput) => {
    const { errors } = await conversations.client.respond(SendMessageDocument, { input })
    return errors.map(({ message, extensions: { code, field } }) => ({ message, code, field }))[0]
  }

  test('files are shown with each later question, of an edited message those that it names, and of one answered again its own', async () => {
    const { client } = conversations
    const [notes, other] = [await store('notes.txt', 'Remember oats'), await store('other.txt', 'Forget oats')]
    const first = await asked('What?', { attachmentIds: [notes, notes] })
    expect(first.request.turns[0]?.text.match(/Remember oats/g)).toHaveLength(1)
    const second = await asked('And now?', { threadId: first.threadId })
    expect(second.request.turns[0]?.text).toContain('Remember oats')

    const edited = async (input: { attachmentIds?: string[] }) => {
      const edit = { messageId: first.questionId, text: 'What else?', ...input }
      const { editMessage } = await client.request(EditMessageDocument, { input: edit })
      const ids = { threadId: first.threadId, runId: editMessage.run?.id ?? '' }
      return (await answered(conversations, ids)).turns.map(({ text }) => text).join('\n')
    }
    expect(await edited({})).toContain('Remember oats')
    const changed = await edited({ attachmentIds: [other] })
    expect(changed).toContain('Forget oats')
    expect(changed).not.toContain('Remember oats')
    expect(await edited({ attachmentIds: [] })).toBe('What else?')

    const { regenerateMessage } = await client.request(RegenerateMessageDocument, {
      input: { messageId: first.answerId },
    })
    const again = await answered(conversations, { threadId: first.threadId, runId: regenerateMessage.run?.id ?? '' })
    expect(again.turns[0]?.text).toContain('Remember oats')

    await client.request(DeleteAttachmentDocument, { attachmentId: notes })
    expect((await asked('Gone?', { threadId: first.threadId, parentId: first.answerId })).request.turns[0]?.text).toBe(
      'What?',
    )
  })

  test('whoever follows the thread is told when a file of a message is deleted', async () => {
    const { client, server } = conversations
    const notes = await store('notes.txt', 'Remember barley')
    const { sendMessage } = await client.request(SendMessageDocument, {
      input: { text: 'Keep this', attachmentIds: [notes], respond: false },
    })
    await using follower = await Follower.open(server, {
      threadId: sendMessage.thread.id,
      after: sendMessage.streamCursor,
    })
    const messageId = sendMessage.message?.id
    expect((await follower.nextOf('MessageChanged')).message.id).toBe(messageId)
    await client.request(DeleteAttachmentDocument, { attachmentId: notes })
    expect((await follower.nextOf('MessageChanged')).message.id).toBe(messageId)
  })

  test('what the model cannot be given is refused before it is asked', async () => {
    const { client, model } = conversations
    const picture = await store('lamp.png', lamp)
    const broken = await store('broken.docx', contentOf('survey.docx').subarray(0, 5_000))
    const program = await store('program.bin', new Uint8Array([0x7f, 0x45, 0x4c, 0x46, 0, 1, 2, 3]))
    const { readingError } = await readAttachment(client, broken)
    expect(readingError).toBeTruthy()
    const before = model.requests.length
    expect(await refusal({ text: 'See', attachmentIds: [picture], modelId: 'scripted/gpt-3.5-turbo' })).toEqual({
      code: 'BAD_USER_INPUT',
      field: 'attachmentIds',
      message: 'attachmentIds: "lamp.png" is an image, and scripted/gpt-3.5-turbo reads text alone.',
    })
    expect(await refusal({ text: 'See', attachmentIds: [broken] })).toEqual({
      code: 'BAD_USER_INPUT',
      field: 'attachmentIds',
      message: `attachmentIds: "broken.docx" cannot be read. ${readingError}`,
    })
    expect(await refusal({ text: 'See', attachmentIds: [program] })).toMatchObject({ code: 'BAD_USER_INPUT' })
    expect(model.requests).toHaveLength(before)

    // Stored without asking, it is told by a note later.
    const kept = await client.request(SendMessageDocument, {
      input: { text: 'Keep this', attachmentIds: [picture, broken, program], respond: false },
    })
    const later = await asked('And?', { threadId: kept.sendMessage.thread.id, modelId: 'scripted/gpt-3.5-turbo' })
    const [turn] = later.request.turns
    expect(turn?.text).toContain('lamp.png:\n[The image cannot be shown. scripted/gpt-3.5-turbo reads text alone.]')
    expect(turn?.text).toContain(`broken.docx:\n[The file cannot be read. ${readingError}]`)
    expect(later.request.images).toEqual([])
  })

  test('an image that no model can be given fails the run that it is the question of', async () => {
    const damaged = await store('damaged.png', lamp.subarray(0, 1_000))
    const sent = await ask(conversations.client, 'See', { attachmentIds: [damaged] })
    const before = conversations.model.requests.length
    await using follower = await Follower.open(conversations.server, { threadId: sent.threadId, runId: sent.runId })
    expect((await follower.collect()).at(-1)).toMatchObject({ status: 'FAILED' })
    expect((await readRun(conversations.client, sent.runId)).error?.message).toContain('"damaged.png" cannot be shown')
    expect(conversations.model.requests).toHaveLength(before)
  })

  test('long texts are cut to the model’s context, short ones beside them are not, and a note says so', async () => {
    const long = await store('long.txt', 'many words in a row '.repeat(2_000))
    const short = await store('short.txt', 'short and whole')
    const { request } = await asked('Sum it up', { attachmentIds: [long, short], modelId: 'narrow/small' })
    const [turn] = request.turns
    expect(turn?.text).toContain('short.txt:\nshort and whole')
    expect(turn?.text).toMatch(/The file has 40000 characters\. There is room for \d+ of them: its beginning\./)
    expect(turn?.text.length).toBeLessThan(4_000)
    expect(turn?.text.length).toBeGreaterThan(1_000)
    expect(turn?.text).toContain('Sum it up')
  })
})

test('an image that was made fit for a model is not made again for the next turn', async () => {
  await using database = await createTestDatabase()
  await using conversations = await startConversations({ database })
  const { id } = await upload(conversations, 'lamp.png', lamp)
  const first = await ask(conversations.client, 'What is it?', { attachmentIds: [id] })
  const { images } = await answered(conversations, first)
  expect(images).toHaveLength(1)
  await rm(join(database.dataDir, 'attachments'), { recursive: true })
  const second = await ask(conversations.client, 'Is it lit?', { threadId: first.threadId })
  expect((await answered(conversations, second)).images).toEqual(images)
})
