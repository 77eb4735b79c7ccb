import { describe, expect, it } from 'vitest'
import { argumentsObject } from '../src/providers/history.ts'
import { kinds } from '../src/providers/kinds.ts'
import type { FinishReason } from '../src/providers/model-event.ts'
import { assistantTurn, collect, providerOf, requestOf } from './support/provider-fixture.ts'
import { type Exchange, type Script, startScriptedModel } from './support/scripted-model.ts'
import type { Wire } from './support/wire/wire.ts'
import { wires } from './support/wire/wires.ts'

// What every kind of provider makes of the same answers, each in its own API.

const present = Object.values(wires).filter(({ kind }) => kind in kinds)
const tools = ['weather', 'time'].map((name) => ({
  name,
  description: null,
  inputSchema: { type: 'object', properties: {} },
}))

async function answerTo(wire: Wire, script: Script) {
  await using model = await startScriptedModel({ wire })
  model.onRequest(script)
  return await collect(providerOf({ kind: wire.kind, baseUrl: model.baseUrl }), requestOf('Hello', { tools }))
}

/** The word for a turn that asks for tools. */
const asking = ({ wire }: Exchange) => ({ reason: wire.reasons['tool-calls'] ?? '' })

describe.each(present.map((wire) => [wire.kind, wire] as const))('an answer of kind %s', (kind, wire) => {
  it('gives its text as it came', async () => {
    const { text, reasoning, error } = await answerTo(wire, async (exchange) => {
      for (const piece of ['Grüße', ' an ', '日本', '😀', '\n\n', 'e\u0301', ' ']) await exchange.text(piece)
      await exchange.finish()
    })
    expect([text, reasoning, error]).toEqual(['Grüße an 日本😀\n\ne\u0301 ', '', undefined])
  })

  it('is whole where every byte comes by itself', async () => {
    const { text, toolCalls, finished } = await answerTo(wire, async (exchange) => {
      const answer = wire.begin(exchange.asked.model)
      const call = { id: 'call_1', name: 'weather', arguments: '{"city":"Tromsø"}' }
      const usage = wire.usage({ inputTokens: 7, outputTokens: 5, reasoningTokens: 0, cachedInputTokens: 0 })
      const pieces = [
        answer.text('né 漢字 🎉👩‍👩‍👧'),
        ...answer.toolCall(call),
        ...answer.finish(asking(exchange).reason, usage),
      ]
      await exchange.bytes(pieces.join(''))
      await exchange.end()
    })
    expect(text).toBe('né 漢字 🎉👩‍👩‍👧')
    expect(toolCalls).toMatchObject([{ name: 'weather', arguments: '{"city":"Tromsø"}' }])
    expect(finished).toMatchObject({ reason: 'tool-calls', usage: { inputTokens: 7, outputTokens: 5 } })
  })

  it('keeps reasoning apart from text, in order', async () => {
    const { events, text, reasoning } = await answerTo(wire, async (exchange) => {
      await exchange.reasoning('First, ')
      await exchange.reasoning('think.')
      await exchange.text('Done.')
      await exchange.finish()
    })
    expect([reasoning, text]).toEqual(['First, think.', 'Done.'])
    const { parts } = assistantTurn(events, kind)
    expect(parts.filter((part) => part.type !== 'tool-call' && part.text !== '')).toMatchObject([
      { type: 'reasoning', text: 'First, think.' },
      { type: 'text', text: 'Done.' },
    ])
  })

  it('asks for tools in the order of the model, with the ids and arguments that it gave', async () => {
    const { events, toolCalls, text, finished } = await answerTo(wire, async (exchange) => {
      await exchange.text('Let me look.')
      await exchange.toolCall({ id: 'call_a', name: 'weather', arguments: '{"city":"Oslo"}' })
      await exchange.toolCall({ id: 'call_b', name: 'time', arguments: '{"zone":"CET","at":[1,2]}' })
      await exchange.finish(asking(exchange))
    })
    expect(toolCalls).toMatchObject([
      { callId: 'call_a', name: 'weather', arguments: '{"city":"Oslo"}' },
      { callId: 'call_b', name: 'time', arguments: '{"zone":"CET","at":[1,2]}' },
    ])
    expect([text, finished?.reason]).toEqual(['Let me look.', 'tool-calls'])
    const { parts } = assistantTurn(events, kind)
    expect(parts.filter((part) => part.type === 'tool-call' || part.text !== '').map(({ type }) => type)).toEqual([
      'text',
      'tool-call',
      'tool-call',
    ])
  })

  it.each([0, 1, 2, 3, 4, 5])('joins arguments wherever they are split, %i', async (length) => {
    const args = JSON.stringify({ city: `${'x'.repeat(length)}😀é👩‍👩‍👧${'y'.repeat(8)}` })
    const { toolCalls } = await answerTo(wire, async (exchange) => {
      await exchange.toolCall({ id: 'call_a', name: 'weather', arguments: args })
      await exchange.finish(asking(exchange))
    })
    expect(toolCalls.map((call) => call.arguments)).toEqual([args])
  })

  it('takes a call without arguments', async () => {
    const { toolCalls, error } = await answerTo(wire, async (exchange) => {
      await exchange.toolCall({ id: 'call_a', name: 'weather', arguments: '' })
      await exchange.finish(asking(exchange))
    })
    expect(error).toBeUndefined()
    expect(toolCalls.map((call) => [call.name, argumentsObject(call.arguments)])).toEqual([['weather', {}]])
  })

  it.runIf(['openai', 'gemini', 'ollama'].includes(kind))('gives ids to calls that have none', async () => {
    const { toolCalls } = await answerTo(wire, async (exchange) => {
      await exchange.toolCall({ id: '', name: 'weather', arguments: '{}' })
      await exchange.toolCall({ id: '', name: 'weather', arguments: '{}' })
      await exchange.finish(asking(exchange))
    })
    const ids = toolCalls.map(({ callId }) => callId)
    expect(ids).toEqual([expect.stringMatching(/^call_\w{26}$/), expect.stringMatching(/^call_\w{26}$/)])
    expect(new Set(ids).size).toBe(2)
  })

  it('counts input, output, reasoning and cached tokens', async () => {
    const counted = { inputTokens: 100, outputTokens: 40, reasoningTokens: 25, cachedInputTokens: 60 }
    const { finished } = await answerTo(wire, async (exchange) => {
      await exchange.text('Hi')
      await exchange.finish({ usage: wire.usage(counted) })
    })
    expect(finished?.usage).toEqual({
      inputTokens: 100,
      outputTokens: 40,
      reasoningTokens: wire.counts.reasoning ? 25 : 0,
      cachedInputTokens: wire.counts.cached ? 60 : 0,
      estimated: false,
    })
  })

  it.each(Object.entries(wire.reasons).filter(([reason]) => reason !== 'tool-calls') as [FinishReason, string][])(
    'that ends because of %s says so, in the words of all and in its own',
    async (reason, rawReason) => {
      const { finished, text, error } = await answerTo(wire, async (exchange) => {
        await exchange.text('Hi')
        await exchange.finish({ reason: rawReason })
      })
      expect([finished?.reason, finished?.rawReason, text, error]).toEqual([reason, rawReason, 'Hi', undefined])
    },
  )

  it('that says nothing at all ends all the same', async () => {
    const { events, finished, error } = await answerTo(wire, (exchange) => exchange.finish())
    expect(error).toBeUndefined()
    expect(finished?.reason).toBe('stop')
    expect(events.filter(({ type }) => type.endsWith('-delta'))).toEqual([])
  })

  it('survives payloads that nobody knows', async () => {
    const { text, error } = await answerTo(wire, async (exchange) => {
      await exchange.text('a')
      for (const payload of ['{}', 'null', '5', '[]', '"text"', '{"type":"brand.new","x":{"y":[1]}}', '{"type":7}'])
        await exchange.chunk(payload)
      await exchange.text('b')
      await exchange.finish()
    })
    expect([text, error]).toEqual(['ab', undefined])
  })

  it('uses one connection for one answer after the other', async () => {
    await using model = await startScriptedModel({ wire })
    const provider = providerOf({ kind, baseUrl: model.baseUrl })
    const ports = new Set<number | undefined>()
    model.onRequest(async (exchange) => {
      ports.add(exchange.remotePort)
      await exchange.text('Hi')
      await exchange.finish()
    })
    for (let turn = 0; turn < 5; turn++) await collect(provider, requestOf('Hello'))
    expect(ports.size).toBe(1)
  })
})
