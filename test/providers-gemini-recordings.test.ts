import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { GenerateContentResponse, Part } from '@google/genai'
import { describe, expect, it } from 'vitest'
import type { Transcript } from '../src/chat/transcript.ts'
import { createGeminiProvider } from '../src/providers/gemini.ts'
import { toAssistantTurn } from './support/gemini-server.ts'
import { collect, kindDependencies, providerConfig, requestOf } from './support/provider-fixture.ts'

const directory = fileURLToPath(new URL('../../shared/recordings/', import.meta.url))
const isThere = existsSync(`${directory}replay-server.mjs`)
const names = isThere ? readdirSync(`${directory}google`).map((file) => file.replace(/\.jsonl$/, '')) : []
if (!isThere) process.stdout.write('skipped: no recorded provider streams in ../shared/recordings\n')

function chunksOf(name: string): GenerateContentResponse[] {
  const lines = readFileSync(`${directory}google/${name}.jsonl`, 'utf8').split('\n')
  return lines.filter(Boolean).map((line) => JSON.parse(line))
}

/** The recorded parts that say something, or are signed. */
function partsOf(name: string): Part[] {
  return chunksOf(name)
    .flatMap(({ candidates }) => candidates?.[0]?.content?.parts ?? [])
    .filter((part) => part.text !== '' || part.thoughtSignature !== undefined)
}

async function startReplay() {
  const server = spawn(process.execPath, [`${directory}replay-server.mjs`, '--port', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = await once(createInterface(server.stdout), 'line')
  const baseUrl = String(line).replace('listening on ', '')
  return {
    provider: createGeminiProvider(providerConfig({ kind: 'gemini', baseUrl }), kindDependencies),
    async requests(): Promise<{ body: { contents: { role: string; parts: Part[] }[] } }[]> {
      return (await (await fetch(`${baseUrl}/requests`)).json()) as never
    },
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
    const turn = await collect(replay.provider, requestOf('Hello', { model: name }))
    expect(turn.error).toBeUndefined()

    const parts = partsOf(name)
    const textOf = (thought: boolean) =>
      parts.map((part) => ((part.thought ?? false) === thought ? (part.text ?? '') : '')).join('')
    expect([turn.text, turn.reasoning]).toEqual([textOf(false), textOf(true)])

    const calls = parts.filter((part) => part.functionCall)
    expect(turn.events.filter(({ type }) => type === 'tool-call-requested')).toMatchObject(
      calls.map(({ functionCall, thoughtSignature }) => ({
        name: functionCall?.name,
        arguments: JSON.stringify(functionCall?.args ?? {}),
        providerData: thoughtSignature === undefined ? null : { kind: 'gemini', thoughtSignature },
      })),
    )

    const last = chunksOf(name).at(-1)
    const rawReason = last?.candidates?.[0]?.finishReason
    expect(turn.finished).toMatchObject({ rawReason, reason: calls.length > 0 ? 'tool-calls' : 'stop' })
    const usage = last?.usageMetadata
    expect(turn.finished?.usage).toEqual({
      inputTokens: usage?.promptTokenCount,
      outputTokens: (usage?.totalTokenCount ?? 0) - (usage?.promptTokenCount ?? 0),
      reasoningTokens: usage?.thoughtsTokenCount ?? 0,
      cachedInputTokens: usage?.cachedContentTokenCount ?? 0,
      estimated: false,
    })
  })

  it.each(names)(
    '%s goes back with every signature on its own part, and its calls with their results',
    async (name) => {
      await using replay = await startReplay()
      const question: Transcript = [{ role: 'user', text: 'Hello' }]
      const first = await collect(replay.provider, requestOf(question, { model: `${name}+answer` }))
      const answer = toAssistantTurn('gemini', first.events)
      const calls = answer.parts.flatMap((part) => (part.type === 'tool-call' ? [part] : []))
      const second = await collect(
        replay.provider,
        requestOf(
          [
            ...question,
            answer,
            ...calls.map(({ id }) => ({ role: 'tool' as const, toolCallId: id, text: 'Sunny.', isError: false })),
            ...(calls.length === 0 ? [{ role: 'user' as const, text: 'And then?' }] : []),
          ],
          { model: `${name}+answer` },
        ),
      )
      expect(second.error).toBeUndefined()
      if (calls.length > 0) expect(second.text).toBe('Done.')

      const contents = (await replay.requests())[1]?.body.contents
      expect(contents?.[1]).toEqual({ role: 'model', parts: joinUnsigned(partsOf(name)) })
      expect(contents?.[2]).toEqual({
        role: 'user',
        parts:
          calls.length === 0
            ? [{ text: 'And then?' }]
            : calls.map((call) => ({ functionResponse: { name: call.name, response: { output: 'Sunny.' } } })),
      })
    },
  )

  it('lists the recordings as models', async () => {
    await using replay = await startReplay()
    const models = await replay.provider.listModels(new AbortController().signal)
    expect(models.map(({ name }) => name).sort()).toEqual([...names].sort())
  })
})

/** Pieces of one text are one part; what is signed stays apart. */
function joinUnsigned(parts: readonly Part[]): Part[] {
  const joined: Part[] = []
  for (const part of parts) {
    const last = joined.at(-1)
    const isMore = [last, part].every((piece) => piece && Object.keys(piece).join() === 'text')
    if (isMore) joined.push({ text: `${joined.pop()?.text}${part.text}` })
    else joined.push(part)
  }
  return joined
}
