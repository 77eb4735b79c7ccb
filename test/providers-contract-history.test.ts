import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Transcript } from '../src/chat/transcript.ts'
import { continueText } from '../src/providers/history.ts'
import { kinds } from '../src/providers/kinds.ts'
import { asked, tools } from './support/asked.ts'
import { assistantTurn, collect, providerOf, requestOf } from './support/provider-fixture.ts'
import { startScriptedModel } from './support/scripted-model.ts'
import { transcripts } from './support/transcripts.ts'
import type { WireRequest } from './support/wire/wire.ts'
import { wires } from './support/wire/wires.ts'

// What every kind of provider gives back to its model of what was said before, whatever was kept of it.

const present = Object.values(wires).filter(({ kind }) => kind in kinds)

const resultsIn = ({ turns }: WireRequest) => turns.filter(({ role }) => role === 'tool').map(({ text }) => text)

describe.each(present.map((wire) => [wire.kind, wire] as const))('a conversation with kind %s', (kind, wire) => {
  /** One turn with reasoning, text and two calls, and what its API wants back. */
  async function firstTurn(providerId: string) {
    const model = await startScriptedModel({ wire })
    model.hold()
    const provider = providerOf({ id: providerId, kind, baseUrl: model.baseUrl })
    const asking = collect(provider, requestOf('Weather?', { tools }))
    const exchange = await model.nextRequest()
    await exchange.reasoning('Two cities.')
    await exchange.text('Let me look.')
    await exchange.toolCall({ id: 'call_a', name: 'weather', arguments: '{"city":"Oslo"}' })
    await exchange.toolCall({ id: 'call_b', name: 'weather', arguments: '' })
    await exchange.finish({ reason: wire.reasons['tool-calls'] ?? '' })
    const { events, error } = await asking
    expect(error).toBeUndefined()
    const turn = assistantTurn(events, providerId)
    const ids = turn.parts.flatMap((part) => (part.type === 'tool-call' ? [part.id] : []))
    const transcript: Transcript = [
      { role: 'user', text: 'Weather?' },
      turn,
      { role: 'tool', toolCallId: ids[0] ?? '', text: 'rain', isError: false },
      { role: 'tool', toolCallId: ids[1] ?? '', text: 'no such city', isError: true },
    ]
    return { model, provider, transcript, wantedBack: exchange.wantedBack }
  }

  it('brings results and what the API wants back, unchanged and in order', async () => {
    const { model, provider, transcript, wantedBack } = await firstTurn(kind)
    await using _ = model
    const answer = collect(provider, requestOf(transcript, { tools }))
    const exchange = await model.nextRequest()
    const { problems, turns } = exchange.asked
    expect(problems).toEqual([])
    expect(resultsIn(exchange.asked)).toEqual([
      expect.stringContaining('rain'),
      expect.stringContaining('no such city'),
    ])
    expect(turns.slice(0, 2)).toEqual([
      { role: 'user', text: 'Weather?' },
      { role: 'assistant', text: 'Let me look.' },
    ])
    const body = JSON.stringify(exchange.body)
    for (const wanted of wantedBack) expect(body.split(wanted)).toHaveLength(2)
    await exchange.text('Wet.')
    await exchange.finish()
    expect((await answer).text).toBe('Wet.')
  })

  it('keeps for itself what another provider of the kind wants back', async () => {
    const { model, transcript, wantedBack } = await firstTurn('first')
    await using _ = model
    const other = providerOf({ id: 'second', kind, baseUrl: model.baseUrl })
    const answer = collect(other, requestOf([...transcript, { role: 'user', text: 'And now?' }], { tools }))
    const exchange = await model.nextRequest()
    expect(exchange.asked.problems).toEqual([])
    expect(resultsIn(exchange.asked)).toEqual([
      expect.stringContaining('rain'),
      expect.stringContaining('no such city'),
    ])
    const body = JSON.stringify(exchange.body)
    for (const wanted of wantedBack) expect(body).not.toContain(wanted)
    await exchange.finish()
    expect((await answer).error).toBeUndefined()
  })

  const call = { type: 'tool-call' as const, name: 'weather', arguments: '{"city":', providerData: null }
  it.each<[string, Transcript, readonly string[]]>([
    ['is empty', [], [continueText]],
    [
      'has a call whose result nobody knows',
      [
        { role: 'user', text: 'Weather?' },
        { role: 'assistant', providerId: null, parts: [{ ...call, id: 'lost' }] },
        { role: 'user', text: 'Well?' },
      ],
      ['Weather?', 'Well?'],
    ],
    [
      'has results that nobody asked for',
      [
        { role: 'tool', toolCallId: 'stray', text: 'stray', isError: false },
        { role: 'user', text: 'Weather?' },
        { role: 'tool', toolCallId: 'stray', text: 'stray', isError: false },
        { role: 'user', text: 'Well?' },
      ],
      ['Weather?', 'Well?'],
    ],
    [
      'has two calls of one id, the same again later, and one without',
      [
        { role: 'user', text: 'Weather?' },
        { role: 'assistant', providerId: null, parts: ['x', 'x', ''].map((id) => ({ ...call, id })) },
        { role: 'tool', toolCallId: 'x', text: 'rain', isError: false },
        { role: 'tool', toolCallId: 'x', text: 'snow', isError: false },
        { role: 'assistant', providerId: null, parts: [{ ...call, id: 'x' }] },
        { role: 'tool', toolCallId: 'x', text: 'sun', isError: false },
        { role: 'user', text: 'Well?' },
      ],
      ['Weather?', 'Well?'],
    ],
    [
      'begins and ends with the assistant, who was cut off',
      [
        { role: 'assistant', providerId: null, parts: [{ type: 'text', text: 'Welcome.', providerData: null }] },
        { role: 'user', text: 'Weather?' },
        { role: 'assistant', providerId: null, parts: [{ type: 'text', text: 'It is ', providerData: null }] },
      ],
      ['Weather?'],
    ],
  ])('that %s becomes a request that the API takes', async (_, transcript, said) => {
    const request = await asked(wire, transcript, { tools })
    expect(request.problems).toEqual([])
    const users = request.turns.filter(({ role, text }) => role === 'user' && text !== '').map(({ text }) => text)
    for (const text of said) expect(users.join('\n')).toContain(text)
    expect(JSON.stringify(request.body)).not.toContain('stray')
  })

  it('of any turns becomes a request that the API takes', async () => {
    await using model = await startScriptedModel({ wire })
    const provider = providerOf({ kind, baseUrl: model.baseUrl })
    model.onRequest((exchange) => exchange.finish())
    await fc.assert(
      fc.asyncProperty(transcripts({ providerId: kind }), fc.boolean(), async (transcript, withTools) => {
        const { error } = await collect(provider, requestOf(transcript, withTools ? { tools } : {}))
        expect(error).toBeUndefined()
        const received = model.requests.at(-1)
        expect(received && wire.read(received).problems).toEqual([])
      }),
      { numRuns: 200 },
    )
  })
})
