import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { createAnthropicProvider } from '../src/providers/anthropic.ts'
import { sendEvents, startMessagesServer } from './support/messages-server.ts'
import { collect, kindDependencies, noOptions, providerConfig, requestOf } from './support/provider-fixture.ts'
import { partsOf } from './support/turn-parts.ts'

const directory = fileURLToPath(new URL('../../shared/recordings/', import.meta.url))
const isThere = existsSync(`${directory}replay-server.mjs`)
const names = isThere ? readdirSync(`${directory}anthropic`).map((file) => file.replace(/\.jsonl$/, '')) : []
if (!isThere) process.stdout.write('skipped: no recorded provider streams in ../shared/recordings\n')

/** The events of a recording, with no more said of them than that they are JSON. */
// biome-ignore lint/suspicious/noExplicitAny: the test reads them in its own, plain way.
function eventsOf(name: string): any[] {
  const lines = readFileSync(`${directory}anthropic/${name}.jsonl`, 'utf8').split('\n')
  return lines.filter(Boolean).map((line) => JSON.parse(line))
}

async function startReplay() {
  const server = spawn(process.execPath, [`${directory}replay-server.mjs`, '--port', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = await once(createInterface(server.stdout), 'line')
  const url = String(line).replace('listening on ', '')
  return {
    provider: createAnthropicProvider(providerConfig({ kind: 'anthropic', baseUrl: url }), kindDependencies),
    // biome-ignore lint/suspicious/noExplicitAny: see above.
    requests: async (): Promise<any[]> => (await fetch(`${url}/requests`)).json() as Promise<any[]>,
    async [Symbol.asyncDispose]() {
      const exit = once(server, 'exit')
      server.kill()
      await exit
    },
  }
}

/** The recording's blocks, put together. */
function blocksOf(name: string) {
  const events = eventsOf(name)
  return events
    .filter(({ type }) => type === 'content_block_start')
    .map(({ index, content_block }) => {
      const deltas = events.filter((event) => event.type === 'content_block_delta' && event.index === index)
      const joined = (field: string) => deltas.map(({ delta }) => delta[field] ?? '').join('')
      return {
        ...content_block,
        text: joined('text'),
        thinking: joined('thinking'),
        signature: joined('signature'),
        json: joined('partial_json'),
      }
    })
}

describe.skipIf(!isThere)('a recorded Messages stream', () => {
  it.each(names)('%s gives its text, thinking, tool calls, finish reason and usage', async (name) => {
    await using replay = await startReplay()
    const turn = await collect(replay.provider, requestOf('Hello', { model: name }))
    expect(turn.error).toBeUndefined()

    const blocks = blocksOf(name)
    const joined = (type: string) =>
      blocks
        .filter((block) => block.type === type)
        .map((block) => block[type])
        .join('')
    expect([turn.text, turn.reasoning]).toEqual([joined('text'), joined('thinking')])
    expect(turn.events.filter(({ type }) => type === 'tool-call-requested')).toEqual(
      blocks
        .filter(({ type }) => type === 'tool_use')
        .map((block) => ({
          type: 'tool-call-requested',
          callId: block.id,
          name: block.name,
          arguments: block.json || JSON.stringify(block.input),
          providerData: null,
        })),
    )
    expect(turn.events.filter((event) => event.type === 'part-finished' && event.part === 'reasoning')).toMatchObject(
      blocks.filter(({ type }) => type === 'thinking').map(({ signature }) => ({ providerData: { signature } })),
    )

    const { delta, usage } = eventsOf(name).findLast(({ type }) => type === 'message_delta')
    const reasons: Record<string, string> = { end_turn: 'stop', tool_use: 'tool-calls', refusal: 'content-filter' }
    expect(turn.finished).toMatchObject({ rawReason: delta.stop_reason, reason: reasons[delta.stop_reason] })
    expect(turn.finished?.usage).toMatchObject({
      inputTokens: usage.input_tokens + usage.cache_creation_input_tokens + usage.cache_read_input_tokens,
      cachedInputTokens: usage.cache_read_input_tokens,
      outputTokens: usage.output_tokens,
      estimated: false,
    })
  })

  it.each(names)('%s gives the same when it comes byte by byte', async (name) => {
    const bytes = Buffer.from(
      eventsOf(name)
        .map((event) => `data: ${JSON.stringify(event)}\n\n`)
        .join(''),
    )
    await using server = await startMessagesServer(async ({ body }, response) => {
      if (body.model === 'whole') return sendEvents(response, eventsOf(name))
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      for (const byte of bytes) if (!response.write(Buffer.of(byte))) await once(response, 'drain')
      response.end()
    })
    const provider = createAnthropicProvider(
      providerConfig({ kind: 'anthropic', baseUrl: server.url }),
      kindDependencies,
    )
    const whole = await collect(provider, requestOf('Hello', { model: 'whole' }))
    const split = await collect(provider, requestOf('Hello', { model: 'split' }))
    expect([split.error, split.text, split.reasoning, split.finished]).toEqual([
      undefined,
      whole.text,
      whole.reasoning,
      whole.finished,
    ])
    expect(partsOf(split.events)).toEqual(
      JSON.parse(JSON.stringify(partsOf(whole.events)).replaceAll('"whole"', '"split"')),
    )
  })

  it.each(names)('%s comes back as it was in the next request', async (name) => {
    await using replay = await startReplay()
    const model = `${name}+answer`
    const first = await collect(replay.provider, requestOf('Hello', { model }))
    const parts = partsOf(first.events)
    const results = parts.flatMap((part) =>
      part.type === 'tool-call' ? [{ role: 'tool' as const, toolCallId: part.id, text: 'done', isError: false }] : [],
    )
    const second = await collect(
      replay.provider,
      requestOf(
        [
          { role: 'user', text: 'Hello' },
          { role: 'assistant', providerId: 'anthropic', parts },
          ...results,
          ...(results.length > 0 ? [] : [{ role: 'user' as const, text: 'And now?' }]),
        ],
        { model, options: { ...noOptions, reasoningEffort: 'low' } },
      ),
    )
    expect(second.error).toBeUndefined()
    if (results.length > 0) expect(second.text).toBe('Done.')

    const [, request] = await replay.requests()
    const sent = request.body.messages.find(({ role }: { role: string }) => role === 'assistant')?.content ?? []
    const { cache_control: _, ...last } = sent.at(-1) ?? {}
    expect(sent.length > 0 ? [...sent.slice(0, -1), last] : []).toEqual(
      blocksOf(name).map((block) => {
        if (block.type === 'thinking') return { type: 'thinking', thinking: block.thinking, signature: block.signature }
        if (block.type === 'text') return { type: 'text', text: block.text }
        return { type: 'tool_use', id: block.id, name: block.name, input: JSON.parse(block.json || '{}') }
      }),
    )
  })
})
