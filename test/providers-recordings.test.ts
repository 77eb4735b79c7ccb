import { describe, expect, it } from 'vitest'
import type { Transcript } from '../src/chat/transcript.ts'
import { kinds } from '../src/providers/kinds.ts'
import { assistantTurn, collect, noSignal, providerOf, requestOf } from './support/provider-fixture.ts'
import { type Recording, recordings, sayWhetherSkipped, startReplay } from './support/recorded/recordings.ts'
import { wires } from './support/wire/wires.ts'

// Streams that real providers sent, from the server that comes with them.

sayWhetherSkipped()
const present = recordings.filter(({ api }) => api.kind in kinds)
const all = present.flatMap((folder) =>
  folder.all.map((recording) => [folder.api.folder, recording.name, recording] as const),
)
const whole = all.filter(([, , { api, payloads }]) => api.read(payloads).error === null)

const toolsOf = ({ api, payloads }: Recording) =>
  api.read(payloads).toolCalls.map(({ name }) => ({ name, description: null, inputSchema: { type: 'object' } }))

/** JSON as the object that it is: APIs that send objects have no text of their own. */
const parsed = <Call extends { readonly arguments: string }>(calls: readonly Call[]) =>
  calls.map((call) => ({ ...call, arguments: JSON.parse(call.arguments || '{}') }))

describe.skipIf(all.length === 0)('a recorded stream', () => {
  it.each(all)('%s/%s gives its text, reasoning, tool calls, finish reason and usage', async (_, name, recording) => {
    const { api, payloads } = recording
    await using replay = await startReplay()
    const provider = providerOf({ kind: api.kind, baseUrl: replay.baseUrl(api) })
    const turn = await collect(provider, requestOf('Hello', { model: name, tools: toolsOf(recording) }))

    const recorded = api.read(payloads)
    expect(turn.text).toBe(recorded.text)
    expect(turn.reasoning).toBe(recorded.reasoning)
    expect(parsed(turn.toolCalls)).toMatchObject(
      parsed(recorded.toolCalls).map(({ id, name, arguments: args }) => ({
        callId: id ?? expect.stringMatching(/^call_\w{26}$/),
        name,
        arguments: args,
      })),
    )
    if (recorded.error === null) {
      expect(turn.error).toBeUndefined()
      expect(turn.finished).toMatchObject(recorded.finish ?? {})
      expect(turn.finished?.usage).toEqual({ ...recorded.usage, estimated: false })
    } else {
      expect(turn.finished).toBeUndefined()
      expect([recorded.error, turn.error]).toMatchObject(['insufficient_quota', { code: 'QUOTA_EXCEEDED' }])
    }
  })

  it.each(whole)('%s/%s goes back as it came, with what it asked for', async (_, name, recording) => {
    const { api, payloads } = recording
    await using replay = await startReplay()
    const provider = providerOf({ kind: api.kind, baseUrl: replay.baseUrl(api) })
    const tools = toolsOf(recording)
    const asks = tools.length > 0
    const request = { model: asks ? `${name}+answer` : name, tools }
    const first = await collect(provider, requestOf('Hello', request))
    const results = first.toolCalls.map(({ callId }) => ({
      role: 'tool' as const,
      toolCallId: callId,
      text: 'sunny',
      isError: false,
    }))
    const transcript: Transcript = [
      { role: 'user', text: 'Hello' },
      assistantTurn(first.events, provider.id),
      ...results,
      ...(asks ? [] : [{ role: 'user' as const, text: 'Go on.' }]),
    ]
    const second = await collect(provider, requestOf(transcript, request))
    expect(second.error).toBeUndefined()
    if (asks) expect(second.text).toBe('Done.')

    const [, received] = await replay.requests()
    if (!received) throw new Error('no second request')
    expect(api.turnsIn(received.body)).toEqual(api.turnOf(payloads))
    const read = wires[api.kind]?.read({ method: 'POST', headers: {}, ...received })
    expect(read?.problems).toEqual([])
    const told = read?.turns.filter(({ role }) => role === 'tool').map(({ text }) => text)
    expect(told).toEqual(results.map(() => expect.stringContaining('sunny')))
  })

  it.each(present.map(({ api, all }) => [api.folder, api, all] as const))(
    'of %s is listed as a model',
    async (_, api, recordings) => {
      await using replay = await startReplay()
      const models = await providerOf({ kind: api.kind, baseUrl: replay.baseUrl(api) }).listModels(noSignal())
      expect(models.map(({ name }) => name)).toEqual(expect.arrayContaining(recordings.map(({ name }) => name)))
    },
  )
})
