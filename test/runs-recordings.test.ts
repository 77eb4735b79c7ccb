import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { GenerationOptions } from './generated/graphql.ts'
import { createTestClient, type TestClient } from './support/client.ts'
import { ask, readMessage, readRun, readThread } from './support/conversation.ts'
import { Follower, textOf } from './support/follower.ts'
import { type ScriptedModel, startScriptedModel } from './support/scripted-model.ts'
import { startTestServer, type TestServer } from './support/server.ts'

// Streams that real providers sent, through the whole server: what is stored is what the recording says.

const directory = fileURLToPath(new URL('../../shared/recordings/', import.meta.url))
const isThere = existsSync(`${directory}replay-server.mjs`)
const names = isThere ? readdirSync(`${directory}openai-chat`).map((file) => file.replace(/\.jsonl$/, '')) : []
if (!isThere) process.stdout.write('skipped: no recorded provider streams in ../shared/recordings\n')

/** The chunks of a recording, with no more said of them than that they are JSON. */
// biome-ignore lint/suspicious/noExplicitAny: the test reads them in its own, plain way.
function chunksOf(name: string): any[] {
  const lines = readFileSync(`${directory}openai-chat/${name}.jsonl`, 'utf8').split('\n')
  return lines.filter(Boolean).map((line) => JSON.parse(line))
}

/** What a recording adds up to. */
function recorded(name: string) {
  const chunks = chunksOf(name)
  const deltas = chunks.flatMap((chunk) => chunk.choices.map((choice: { delta: unknown }) => choice.delta))
  const usage = chunks.map((chunk) => chunk.usage).findLast(Boolean)
  return {
    text: deltas.map((delta) => delta.content ?? '').join(''),
    reasoning: deltas.map((delta) => delta.reasoning_content ?? '').join('') || null,
    asksForTools: deltas.some((delta) => delta.tool_calls),
    usage: {
      inputTokens: usage.prompt_tokens,
      // All that is not input: some count the reasoning in the completion, some beside it.
      outputTokens: usage.total_tokens - usage.prompt_tokens,
      totalTokens: usage.total_tokens,
      reasoningTokens: usage.completion_tokens_details?.reasoning_tokens ?? 0,
      cachedInputTokens: usage.prompt_tokens_details?.cached_tokens ?? 0,
      estimated: false,
    },
  }
}

async function startReplay() {
  const server = spawn(process.execPath, [`${directory}replay-server.mjs`, '--port', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = await once(createInterface(server.stdout), 'line')
  return {
    baseUrl: `${String(line).replace('listening on ', '')}/v1`,
    async [Symbol.asyncDispose]() {
      const exit = once(server, 'exit')
      server.kill()
      await exit
    },
  }
}

const resources = new AsyncDisposableStack()
let model: ScriptedModel
let server: TestServer
let client: TestClient
beforeAll(async () => {
  model = resources.use(await startScriptedModel())
  const models = names.flatMap((name) => [name, `${name}+answer`])
  const providers = [{ id: 'split', kind: 'openai', baseUrl: model.baseUrl, models: ['bytes'] }]
  if (isThere)
    providers.push({ id: 'replay', kind: 'openai', baseUrl: resources.use(await startReplay()).baseUrl, models })
  server = resources.use(await startTestServer({ config: { providers } }))
  client = resources.use(createTestClient(server))
})
afterAll(() => resources.disposeAsync())

/** What became of a question to a model. */
async function answerOf(modelId: string, options: GenerationOptions = {}) {
  const { threadId, runId, answerId, streamCursor } = await ask(client, 'Hello', { modelId, options })
  await using follower = await Follower.open(server, { threadId, runId, after: streamCursor })
  const events = await follower.collect()
  return {
    events,
    run: await readRun(client, runId),
    answer: await readMessage(client, answerId),
    thread: await readThread(client, threadId),
  }
}

describe.skipIf(!isThere)('a run of a recorded stream', () => {
  it.each(names.filter((name) => !recorded(name).asksForTools))(
    "%s stores the recording's text, reasoning and usage",
    async (name) => {
      const { text, reasoning, usage } = recorded(name)
      const { events, run, answer, thread } = await answerOf(`replay/${name}`)
      expect(text).not.toBe('')
      expect(answer).toMatchObject({ status: 'COMPLETED', text, reasoning, modelId: `replay/${name}` })
      expect(run).toMatchObject({ status: 'COMPLETED', error: null, usage })
      expect(thread.usage).toEqual(usage)
      expect(textOf(events)).toBe(text)
      const said = events.filter((event) => event.__typename === 'ReasoningDelta')
      expect(said.map((event) => event.text).join('') || null).toBe(reasoning)
    },
  )

  it.each(names.filter((name) => recorded(name).asksForTools))(
    '%s, which asks for a tool that there is not, goes on when the model was told so',
    async (name) => {
      const { text, reasoning, usage } = recorded(name)
      const { events, run, answer } = await answerOf(`replay/${name}+answer`)
      // The replay counts 1 and 2 for the text that it adds.
      const sum = { ...usage, inputTokens: usage.inputTokens + 1, outputTokens: usage.outputTokens + 2 }
      expect(run).toMatchObject({ status: 'COMPLETED', error: null })
      expect(run.usage).toEqual({ ...sum, totalTokens: usage.totalTokens + 3 })
      expect(answer).toMatchObject({ status: 'COMPLETED', text: `${text}Done.`, reasoning })
      expect(textOf(events)).toBe(`${text}Done.`)
    },
  )

  it.each(names.filter((name) => recorded(name).asksForTools))(
    '%s, which asks for a tool again and again, ends at the step limit and keeps what was said',
    async (name) => {
      const { text, reasoning } = recorded(name)
      const { run, answer } = await answerOf(`replay/${name}`, { maxSteps: 3 })
      expect(run).toMatchObject({ status: 'FAILED', error: { code: 'STEP_LIMIT', retryable: false } })
      const repeated = { text: text.repeat(3), reasoning: reasoning?.repeat(3) ?? null }
      expect(answer).toMatchObject({ status: 'FAILED', ...repeated })
    },
  )
})

it('multi-byte text that is split across chunks arrives whole, wherever it is split', async () => {
  const text = 'Grüße, 日本語, 👩‍👩‍👧‍👦, e\u0301, \u{10ffff}'
  model.onRequest(async (exchange) => {
    const chunk = { choices: [{ index: 0, delta: { content: text }, finish_reason: null }] }
    for (const byte of Buffer.from(`data: ${JSON.stringify(chunk)}\n\n`)) await exchange.raw(Buffer.of(byte))
    await exchange.finish()
  })
  const { events, answer } = await answerOf('split/bytes')
  expect(answer).toMatchObject({ status: 'COMPLETED', text })
  expect(textOf(events)).toBe(text)
})
