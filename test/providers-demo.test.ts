import { describe, expect, it } from 'vitest'
import { createDemoProvider } from '../src/providers/demo.ts'
import { demoDirectives, parseDirectives } from '../src/providers/demo-directives.ts'
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

  it('takes directives in bounds, and words of a path for none', () => {
    expect(parseDirectives('/long 99999999 /slow 999999999')).toMatchObject({ words: 100_000, slowMs: 600_000 })
    expect(parseDirectives('see /usr/long or a/fast')).toMatchObject({ words: null, fast: false })
    expect(parseDirectives('/error OVERLOADED').error).toEqual({ afterWords: 0, code: 'OVERLOADED' })
    expect(parseDirectives('/long').words).toBe(500)
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
    const usage = await estimateUsage([{ role: 'user', text: 'Hello, world!' }], 'Hello, world!')
    expect(usage).toMatchObject({ inputTokens: 10, outputTokens: 4, estimated: true })
  })
})
