import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  CancelRunDocument,
  CompleteDocument,
  EditMessageDocument,
  EmbedDocument,
  ListThreadsDocument,
  RegenerateMessageDocument,
  SendMessageDocument,
  StreamCompletionDocument,
} from './generated/graphql.ts'
import { type AccountsFixture, type Member, startAccounts } from './support/accounts.ts'
import { ask, readRun, readThread, scriptedProvider } from './support/conversation.ts'
import { upload } from './support/files.ts'
import { askHeld, finishWith, nextMidnight, readQuota, refusal, untilEnded } from './support/quotas.ts'
import { echo, type ScriptedModel, startScriptedModel } from './support/scripted-model.ts'

const tokensPerDay = 1_000
const answerTokens = 300

describe('tokens a day', () => {
  const resources = new AsyncDisposableStack()
  let model: ScriptedModel
  let accounts: AccountsFixture
  /** Somebody new for each test. */
  let member: Member

  beforeAll(async () => {
    model = resources.use(await startScriptedModel())
    const quotas = { roles: { USER: { tokensPerDay } }, answerTokens }
    accounts = resources.use(await startAccounts({ config: { ...scriptedProvider(model), quotas } }))
  })
  beforeEach(async () => {
    model.hold()
    member = await accounts.addMember()
  })
  afterAll(() => resources.disposeAsync())

  const standing = async ({ client }: Member = member) => {
    const { tokensUsed, tokensReserved } = await readQuota(client)
    return { used: tokensUsed, reserved: tokensReserved }
  }
  const held = (text: string, input = {}) => askHeld({ model, client: member.client }, text, input)
  /** Uses up so many tokens in a run of its own, however few are left. */
  const use = async (tokens: number) => {
    const asked = await held(`Use ${tokens}`)
    await finishWith(asked.exchange, tokens, 0)
    await untilEnded(member.client, asked)
    return asked
  }

  it('are held for an image too, as many as it may have', async () => {
    const lamp = readFileSync(new URL('files/lamp.png', import.meta.url))
    const { id } = await upload({ server: accounts.server, headers: member.headers }, 'lamp.png', lamp)
    const input = { text: 'What is it?', attachmentIds: [id] }
    const response = await member.client.respond(SendMessageDocument, { input })
    expect(refusal(response)).toMatchObject({ code: 'QUOTA_EXCEEDED' })
    const { exchange, ...asked } = await held('What is it?')
    await finishWith(exchange, 1, 1)
    await untilEnded(member.client, asked)
  })

  it('are held for an answer, and what it used counts in their place', async () => {
    const text = 'What is held for this?'
    const asked = await held(text)
    const { tokensReserved, ...quota } = await readQuota(member.client)
    expect(quota).toEqual({
      requestsPerMinute: null,
      requestsRemaining: null,
      tokensPerDay,
      tokensUsed: 0,
      resetsAt: nextMidnight(),
    })
    // The prompt, which is a few tokens, and room for the answer.
    expect(tokensReserved).toBeGreaterThan(answerTokens)
    expect(tokensReserved).toBeLessThan(answerTokens + 20)
    await finishWith(asked.exchange, 40, 60)
    await untilEnded(member.client, asked)
    expect(await standing()).toEqual({ used: 100, reserved: 0 })
  })

  it('that an answer is limited to are held for it, and the whole prompt', async () => {
    const asked = await use(10)
    const words = 'word '.repeat(200)
    const next = await held(words, { threadId: asked.threadId, options: { maxOutputTokens: 100 } })
    const { reserved } = await standing()
    expect(reserved).toBeGreaterThan(300)
    expect(reserved).toBeLessThan(350)
    await finishWith(next.exchange, 1, 1)
    await untilEnded(member.client, next)
    const again = await member.client.request(RegenerateMessageDocument, {
      input: { messageId: next.answerId, options: { maxOutputTokens: 100 } },
    })
    expect((await standing()).reserved).toBe(reserved)
    const run = again.regenerateMessage.run
    if (!run) throw new Error('nothing was regenerated')
    await member.client.request(CancelRunDocument, { runId: run.id })
  })

  it('over the quota nothing is stored, whichever way an answer is asked for', async () => {
    const asked = await use(tokensPerDay)
    const { client } = member
    const before = await readThread(client, asked.threadId)
    const { threads } = await client.request(ListThreadsDocument, {})
    const exceeded = { code: 'QUOTA_EXCEEDED', resetsAt: nextMidnight() }
    const messages = [{ role: 'USER', text: 'Hello' }]
    const requests = [
      client.respond(SendMessageDocument, { input: { text: 'More' } }),
      client.respond(SendMessageDocument, { input: { text: 'More', threadId: asked.threadId } }),
      client.respond(EditMessageDocument, { input: { text: 'Other', messageId: asked.questionId } }),
      client.respond(RegenerateMessageDocument, { input: { messageId: asked.answerId } }),
      client.respond(CompleteDocument, { input: { messages } }),
      client.respond(EmbedDocument, { input: { input: ['Hello'], modelId: 'demo/parley-demo-embedding' } }),
    ]
    for (const response of await Promise.all(requests)) expect(refusal(response)).toEqual(exceeded)
    const stream = client.webSocket.iterate({
      query: StreamCompletionDocument.toString(),
      variables: { input: { messages } },
    })
    await expect(stream.next()).rejects.toMatchObject([{ extensions: exceeded }])

    expect(await readThread(client, asked.threadId)).toEqual(before)
    expect((await client.request(ListThreadsDocument, {})).threads.totalCount).toBe(threads.totalCount)
    expect(await standing()).toEqual({ used: tokensPerDay, reserved: 0 })
    // What asks no model costs nothing.
    await client.request(SendMessageDocument, { input: { text: 'A note', respond: false } })
  })

  it('that no day has are refused without a time', async () => {
    const response = await member.client.respond(SendMessageDocument, {
      input: { text: 'Write a book', options: { maxOutputTokens: 2_000_000_000 } },
    })
    expect(refusal(response)).toEqual({ code: 'QUOTA_EXCEEDED' })
  })

  it('cannot be held twice by requests that come at the same time', async () => {
    const texts = Array.from({ length: 12 }, (_, index) => `At once ${index}`)
    const responses = await Promise.all(
      texts.map((text) =>
        member.client.respond(SendMessageDocument, { input: { text, options: { maxOutputTokens: 300 } } }),
      ),
    )
    const begun = responses.flatMap(({ data }) => data?.sendMessage.run?.id ?? [])
    expect(begun).toHaveLength(3)
    for (const response of responses.filter(({ data }) => !data))
      expect(refusal(response)).toEqual({ code: 'QUOTA_EXCEEDED', resetsAt: nextMidnight() })
    const { used, reserved } = await standing()
    expect(used).toBe(0)
    expect(reserved).toBeGreaterThan(900)
    expect(reserved).toBeLessThanOrEqual(tokensPerDay)
    for (const runId of begun) await member.client.request(CancelRunDocument, { runId })
    expect((await standing()).reserved).toBe(0)
  })

  it('where fewer are left than an answer may take that nobody limits, it gets those, and the next one none', async () => {
    await use(tokensPerDay - 50)
    const asked = await held('Short')
    expect(await standing()).toEqual({ used: tokensPerDay - 50, reserved: 50 })
    const response = await member.client.respond(SendMessageDocument, { input: { text: 'Me too' } })
    expect(refusal(response)).toMatchObject({ code: 'QUOTA_EXCEEDED' })
    await finishWith(asked.exchange, 10, 10)
    await untilEnded(member.client, asked)
    expect(await standing()).toEqual({ used: tokensPerDay - 30, reserved: 0 })
  })

  it('a run that has begun ends, also where it takes more than there are; then nothing begins', async () => {
    const { runId } = await use(5 * tokensPerDay)
    expect(await readRun(member.client, runId)).toMatchObject({ status: 'COMPLETED' })
    expect(await standing()).toEqual({ used: 5 * tokensPerDay, reserved: 0 })
    const response = await member.client.respond(SendMessageDocument, { input: { text: 'More' } })
    expect(refusal(response)).toMatchObject({ code: 'QUOTA_EXCEEDED' })
  })

  it('of a run that is cancelled or fails count as far as they were used', async () => {
    const cancelled = await held('Cancel me')
    await cancelled.exchange.text('Some words of an answer')
    const queued = await ask(member.client, 'Behind it', { threadId: cancelled.threadId })
    await member.client.request(CancelRunDocument, { runId: queued.runId })
    const { cancelRun } = await member.client.request(CancelRunDocument, { runId: cancelled.runId })
    const cost = cancelRun.run.usage.totalTokens
    expect(cost).toBeGreaterThan(0)
    expect(await standing()).toEqual({ used: cost, reserved: 0 })

    const refused = await held('Refuse me')
    await refused.exchange.fail(400)
    await untilEnded(member.client, refused)
    expect(await standing()).toEqual({ used: cost, reserved: 0 })

    const broken = await held('Break off')
    await broken.exchange.text('Half an')
    broken.exchange.leave()
    await untilEnded(member.client, broken)
    const { usage } = await readRun(member.client, broken.runId)
    expect(usage.totalTokens).toBeGreaterThan(0)
    expect(await standing()).toEqual({ used: cost + usage.totalTokens, reserved: 0 })
  })

  it('are held once for a request that is repeated under its key', async () => {
    const input = { text: 'Once', idempotencyKey: 'the key' }
    const first = await member.client.request(SendMessageDocument, { input })
    const { reserved } = await standing()
    const again = await member.client.request(SendMessageDocument, { input })
    expect(again.sendMessage.run?.id).toBe(first.sendMessage.run?.id)
    expect((await standing()).reserved).toBe(reserved)
    await member.client.request(CancelRunDocument, { runId: first.sendMessage.run?.id ?? '' })
  })

  it('of completions and embeddings count too, also where their caller leaves', async () => {
    const { client } = member
    const messages = [{ role: 'USER' as const, text: 'Hello' }]
    model.onNextRequest(echo)
    const { complete } = await client.request(CompleteDocument, { input: { messages } })
    let used = complete.completion.usage.totalTokens
    expect(await standing()).toEqual({ used, reserved: 0 })

    const { embed } = await client.request(EmbedDocument, {
      input: { input: ['Hello', 'there'], modelId: 'demo/parley-demo-embedding' },
    })
    used += embed.usage.totalTokens
    expect(await standing()).toEqual({ used, reserved: 0 })

    model.onNextRequest((exchange) => exchange.fail(400))
    expect((await client.respond(CompleteDocument, { input: { messages } })).errors).toHaveLength(1)
    expect(await standing()).toEqual({ used, reserved: 0 })

    const { promise: gone, resolve } = Promise.withResolvers<void>()
    model.onNextRequest(async (exchange) => {
      await exchange.text('Part of an answer')
      await exchange.closed
      resolve()
    })
    for await (const { completionStream } of client.subscribe(StreamCompletionDocument, { input: { messages } })) {
      expect(completionStream.__typename).toBe('CompletionTextDelta')
      expect((await standing()).reserved).toBeGreaterThan(answerTokens)
      break
    }
    await gone
    await expect.poll(async () => (await standing()).reserved).toBe(0)
    expect((await standing()).used).toBeGreaterThan(used)
  })

  it('are those of one user: others have their own, and an ADMIN without a quota has none', async () => {
    await use(tokensPerDay)
    const other = await accounts.addMember()
    expect(await standing(other)).toEqual({ used: 0, reserved: 0 })
    const { admin } = accounts
    const asked = await askHeld({ model, client: admin.client }, 'As many as I like')
    await finishWith(asked.exchange, tokensPerDay, tokensPerDay)
    await untilEnded(admin.client, asked)
    expect(await readQuota(admin.client)).toEqual({
      requestsPerMinute: null,
      requestsRemaining: null,
      tokensPerDay: null,
      tokensUsed: null,
      tokensReserved: null,
      resetsAt: null,
    })
  })
})
