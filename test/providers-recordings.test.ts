import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { createOpenAIProvider } from '../src/providers/openai.ts'
import { collect, providerConfig, requestOf } from './support/provider-fixture.ts'

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

describe.skipIf(!isThere)('a recorded stream', () => {
  it.each(names)('%s gives its text, reasoning, tool calls, finish reason and usage', async (name) => {
    await using replay = await startReplay()
    const provider = createOpenAIProvider(providerConfig({ kind: 'openai', baseUrl: replay.baseUrl }))
    const turn = await collect(provider, requestOf('Hello', { model: name }))
    expect(turn.error).toBeUndefined()

    const chunks = chunksOf(name)
    const deltas = chunks.flatMap((chunk) => chunk.choices.map((choice: { delta: unknown }) => choice.delta))
    expect(turn.text).toBe(deltas.map((delta) => delta.content ?? '').join(''))
    expect(turn.reasoning).toBe(deltas.map((delta) => delta.reasoning_content ?? '').join(''))

    const pieces = deltas.flatMap((delta) => delta.tool_calls ?? [])
    const indexes = [...new Set(pieces.map(({ index }) => index))]
    expect(turn.events.filter(({ type }) => type === 'tool-call-requested')).toEqual(
      indexes.map((index) => {
        const own = pieces.filter((piece) => piece.index === index)
        return {
          type: 'tool-call-requested',
          callId: own.find(({ id }) => id).id,
          name: own.find((piece) => piece.function.name).function.name,
          arguments: own.map((piece) => piece.function.arguments ?? '').join(''),
        }
      }),
    )

    const rawReason = chunks.map((chunk) => chunk.choices[0]?.finish_reason).findLast(Boolean)
    expect(turn.finished).toMatchObject({ rawReason, reason: rawReason === 'tool_calls' ? 'tool-calls' : rawReason })

    const usage = chunks.map((chunk) => chunk.usage).findLast(Boolean)
    expect(turn.finished?.usage).toEqual({
      inputTokens: usage.prompt_tokens,
      // All that is not input: some count the reasoning in the completion, some beside it.
      outputTokens: usage.total_tokens - usage.prompt_tokens,
      reasoningTokens: usage.completion_tokens_details?.reasoning_tokens ?? 0,
      cachedInputTokens: usage.prompt_tokens_details?.cached_tokens ?? 0,
      estimated: false,
    })
  })

  it('lists the recordings as models', async () => {
    await using replay = await startReplay()
    const provider = createOpenAIProvider(providerConfig({ kind: 'openai', baseUrl: replay.baseUrl }))
    const models = await provider.listModels(new AbortController().signal)
    expect(models.map(({ name }) => name)).toEqual(expect.arrayContaining(names))
  })
})
