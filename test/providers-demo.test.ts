import { describe, expect, it } from 'vitest'
import type { AssistantPart, Transcript } from '../src/chat/transcript.ts'
import { createDemoProvider } from '../src/providers/demo.ts'
import { demoDirectives, parseDirectives } from '../src/providers/demo-directives.ts'
import { demoEmbedding, demoEmbeddingModel } from '../src/providers/demo-embedding.ts'
import { countTokens, estimateUsage } from '../src/providers/tokens.ts'
import { collect, noOptions, providerConfig, requestOf } from './support/provider-fixture.ts'

const provider = createDemoProvider(providerConfig({ kind: 'demo' }))
const wordsOf = (text: string): number => text.split(/\s+/).filter(Boolean).length

describe('the demo model', () => {
  it('says what it is and what it can be asked for', async () => {
    const { text } = await collect(provider, requestOf('/fast Hello'))
    expect(text).toContain('no AI')
    expect(text).toContain('Hello')
    for (const { usage } of demoDirectives) expect(text).toContain(usage)
  })

  it('gives as many words as it is asked for, and counts them', async () => {
    const { text, finished } = await collect(provider, requestOf('/fast /long 1234'))
    expect(wordsOf(text)).toBe(1234)
    expect(finished?.usage).toEqual({
      inputTokens: 3,
      outputTokens: 1234,
      reasoningTokens: 0,
      cachedInputTokens: 0,
      estimated: true,
    })
  })

  it('reasons before it answers, where it is asked to', async () => {
    const { reasoning, events, finished } = await collect(provider, requestOf('/fast /reason'))
    expect(wordsOf(reasoning)).toBe(finished?.usage?.reasoningTokens)
    const types = events.map(({ type }) => type)
    expect(types.lastIndexOf('reasoning-delta')).toBeLessThan(types.indexOf('text-delta'))
  })

  it('fails after as many words as it is asked to, with the code that it is asked for', async () => {
    const { text, error, finished } = await collect(provider, requestOf('/fast /error 20 RATE_LIMITED'))
    expect([wordsOf(text), finished]).toEqual([20, undefined])
    expect(error).toMatchObject({ name: 'ProviderError', code: 'RATE_LIMITED' })
    expect((await collect(provider, requestOf('/error'))).error).toMatchObject({ code: 'PROVIDER_ERROR' })
  })

  it('stops at the limit of the output', async () => {
    const options = { ...noOptions, maxOutputTokens: 7 }
    const { text, finished } = await collect(provider, requestOf('/fast /long 50', { options }))
    expect([wordsOf(text), finished?.reason]).toEqual([7, 'length'])
  })

  it('writes Markdown with characters of several bytes', async () => {
    const { text } = await collect(provider, requestOf('/fast /markdown'))
    for (const part of ['# ', '| --- |', '```ts', '日本語', '👋']) expect(text).toContain(part)
  })

  it('streams word by word unless it is asked not to', async () => {
    const { batches } = await collect(provider, requestOf('/long 5'))
    expect(batches).toHaveLength(6)
  })

  it('asks for the tools that it is asked to ask for, and then quotes what they gave', async () => {
    const message = 'Look: /tool weather {"city": "Oslo {/long 50}"} /tool time /fast'
    const asked = await collect(provider, requestOf(message))
    expect([asked.text, asked.finished?.reason]).toEqual(['', 'tool-calls'])
    expect(asked.events.slice(0, -1)).toEqual([
      {
        type: 'tool-call-requested',
        callId: expect.stringMatching(/^call_/),
        name: 'weather',
        arguments: '{"city": "Oslo {/long 50}"}',
        providerData: null,
      },
      expect.objectContaining({ name: 'time', arguments: '{}' }),
    ])

    const parts = asked.events.flatMap((event): AssistantPart[] => {
      if (event.type !== 'tool-call-requested') return []
      return [{ ...event, type: 'tool-call', id: event.callId }]
    })
    const [first, second] = parts.map((part) => (part.type === 'tool-call' ? part.id : ''))
    const transcript: Transcript = [
      { role: 'user', text: message },
      { role: 'assistant', providerId: 'demo', parts },
      { role: 'tool', toolCallId: first ?? '', text: '7 degrees,\nrain', isError: false },
      { role: 'tool', toolCallId: second ?? '', text: 'no clock', isError: true },
    ]
    const told = await collect(provider, requestOf(transcript))
    expect(told.text).toBe('The tool weather gave: "7 degrees, rain"\n\nThe tool time failed: "no clock"')
    expect(told.finished?.reason).toBe('stop')

    const again = await collect(provider, requestOf([...transcript, { role: 'user', text: '/fast /tool time' }]))
    expect(again.finished?.reason).toBe('tool-calls')
  })

  it('asks for no tool where it may not, and once where it is told no result', async () => {
    const options = { ...noOptions, toolChoice: 'none' }
    expect((await collect(provider, requestOf('/fast /tool time', { options }))).finished?.reason).toBe('stop')
    const call: AssistantPart = { type: 'tool-call', id: 'a', name: 'time', arguments: '{}', providerData: null }
    const transcript: Transcript = [
      { role: 'user', text: '/fast /tool time' },
      { role: 'assistant', providerId: 'demo', parts: [call] },
    ]
    const { text, finished } = await collect(provider, requestOf(transcript))
    expect([text, finished?.reason]).toEqual(['I asked for a tool, and was not told what became of it.', 'stop'])
  })

  it('asks with the arguments as they were written, JSON or not', () => {
    const argumentsOf = (message: string) => parseDirectives(message).tools.map((tool) => tool.arguments)
    expect(argumentsOf('/tool a {"b": {"c": "}\\"{"}} and more')).toEqual(['{"b": {"c": "}\\"{"}}'])
    expect(argumentsOf('/tool a {"b": \nnext line')).toEqual(['{"b":'])
    expect(argumentsOf('/tool a\n/tool b {}{} /tool c')).toEqual(['{}', '{}', '{}'])
    expect(argumentsOf('/tool a {"b": "/tool c"}')).toEqual(['{"b": "/tool c"}'])
    expect(argumentsOf('/tool')).toEqual([])
    expect(argumentsOf('see /usr/tool x')).toEqual([])
    expect(argumentsOf('/tool a '.repeat(100))).toHaveLength(16)
  })

  it('reads a message of any shape in time that grows with its length alone', () => {
    for (const piece of ['/tool a {', '/tool a {"\\"', '{"\\"', '/tool ', '"{'])
      expect(parseDirectives(`/tool a ${piece.repeat(262_144 / piece.length)}`).tools.length).toBeGreaterThan(0)
  }, 2_000)

  it('takes directives in bounds, and words of a path for none', () => {
    expect(parseDirectives('/long 99999999 /slow 999999999')).toMatchObject({ words: 100_000, slowMs: 600_000 })
    expect(parseDirectives('see /usr/long or a/fast')).toMatchObject({ words: null, fast: false })
    expect(parseDirectives('/error OVERLOADED').error).toEqual({ afterWords: 0, code: 'OVERLOADED' })
    expect(parseDirectives('/long').words).toBe(500)
  })
})

describe("the demo's embedding", () => {
  const embed = async (...input: string[]) => {
    const request = { model: demoEmbeddingModel, input }
    return (await demoEmbedding.embed(request, new AbortController().signal)).vectors
  }
  const cosine = (left: readonly number[] = [], right: readonly number[] = []) =>
    left.reduce((sum, value, place) => sum + value * (right[place] ?? 0), 0)

  it('is the same for the same text, of one length, and normalised, for whatever text', async () => {
    const texts = ['Hello', ' ', '!?', '日本語のテキスト', '👋', 'word '.repeat(10_000), 'ab', '\ud800']
    const vectors = await embed(...texts)
    expect(await embed(...texts)).toEqual(vectors)
    for (const vector of vectors) {
      expect(vector).toHaveLength(256)
      expect(cosine(vector, vector)).toBeCloseTo(1)
    }
  })

  it('is nearer where words, or parts of words, are shared', async () => {
    const [query, same, related, other] = await embed(
      'How do I cancel my subscription?',
      'Subscription: how to cancel',
      'cancelling subscriptions',
      'The weather in Oslo is mild',
    )
    const nearness = [same, related, other].map((vector) => cosine(query, vector))
    expect(nearness).toEqual([...nearness].sort((left, right) => right - left))
    expect(nearness[1]).toBeGreaterThan((nearness[2] ?? 0) + 0.1)
  })

  it('has one model, and throws the reason of an abort', async () => {
    const { signal } = new AbortController()
    await expect(demoEmbedding.embed({ model: 'other', input: ['a'] }, signal)).rejects.toMatchObject({
      name: 'ProviderError',
      retryable: false,
    })
    const reason = new Error('stopped')
    const request = { model: demoEmbeddingModel, input: ['a'] }
    await expect(demoEmbedding.embed(request, AbortSignal.abort(reason))).rejects.toBe(reason)
  })
})

describe('counted tokens', () => {
  it('are those of o200k_base for a text of some words', async () => {
    expect(await countTokens('')).toBe(0)
    expect(await countTokens('Hello, world!')).toBe(4)
    expect(await countTokens('<|endoftext|>')).toBeGreaterThan(1)
  })

  it('of a long text are extrapolated, near what they would be', async () => {
    const words = 'The quick brown fox jumps over the lazy dog. '
    const perSentence = (await countTokens(words.repeat(100))) / 100
    const estimated = await countTokens(words.repeat(20_000))
    expect(Math.abs(estimated / (perSentence * 20_000) - 1)).toBeLessThan(0.02)
  })

  it('of a text without a space take no quadratic time', async () => {
    expect(await countTokens('a'.repeat(1_000_000))).toBeGreaterThan(100_000)
  })

  it('make a usage that says it is estimated', async () => {
    const usage = await estimateUsage([{ role: 'user', text: 'Hello, world!' }], 'Hello, world!', 'demo')
    expect(usage).toMatchObject({ inputTokens: 10, outputTokens: 4, estimated: true })
  })
})
