import { describe, expect, it } from 'vitest'
import { kinds } from '../src/providers/kinds.ts'
import type { Provider } from '../src/providers/provider.ts'
import type { ProviderConfig } from '../src/providers/provider-config.ts'
import { ProviderError } from '../src/providers/provider-error.ts'
import { faults } from './support/faults.ts'
import { noSignal, providerOf } from './support/provider-fixture.ts'
import { type Script, startScriptedModel } from './support/scripted-model.ts'
import { wires } from './support/wire/wires.ts'

// What goes wrong where no model is asked for an answer: with the list of models, and with embeddings.

const apiKey = 'sk-parley-0123456789abcdef'
const present = Object.values(wires).filter(({ kind }) => kind in kinds)
/** Those of an answer that is no stream. */
const faultsOfOne = faults.filter(
  ({ name, text }) => text === undefined && !/stream|status 200|after the headers|empty body/.test(name),
)

const lookUps: Readonly<Record<string, (provider: Provider, signal: AbortSignal) => Promise<unknown> | undefined>> = {
  'a list of models': (provider, signal) => provider.listModels(signal),
  embeddings: ({ embedding }, signal) =>
    embedding?.embed({ model: embedding.defaultModel, input: ['one', 'two'] }, signal),
}

const cases = present.flatMap(({ kind }) =>
  Object.keys(lookUps)
    .filter((name) => name !== 'embeddings' || providerOf({ kind, baseUrl: 'http://localhost/' }).embedding !== null)
    .map((name) => [name, kind] as const),
)

describe.each(cases)('%s of kind %s', (name, kind) => {
  async function failureOf(script: Script, config: Partial<ProviderConfig> = {}): Promise<ProviderError> {
    await using model = await startScriptedModel({ wire: wires[kind] })
    model.onLookUp(script)
    const provider = providerOf({ kind, baseUrl: model.baseUrl, apiKey, ...config })
    const error = await lookUps[name]?.(provider, noSignal())?.then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    expect(error).toBeInstanceOf(ProviderError)
    expect((error as ProviderError).message).not.toContain(apiKey)
    expect((error as ProviderError).message).not.toMatch(/127\.0\.0\.1|https?:/)
    expect(model.requests).toHaveLength(1)
    return error as ProviderError
  }

  it.each(faultsOfOne.map((fault) => [fault.name, fault] as const))('fails with the code of %s', async (_, fault) => {
    const failure = await failureOf((exchange) => fault.happen(exchange, 7_000), fault.config)
    expect([failure.code, failure.retryable]).toEqual([fault.code, fault.retryable])
    if (fault.asksToWait) expect(failure.retryAfterMs).toBeGreaterThan(5_000)
  })

  it.each([
    '{}',
    'null',
    '5',
    '[]',
    '{"data":5,"models":5,"embeddings":5}',
    '{"data":[{}],"embeddings":[{}]}',
    '<html>',
    '',
  ])('that is %j is refused, or has nothing in it', async (text) => {
    const script: Script = async (exchange) => {
      await exchange.start('application/json')
      await exchange.raw(text)
      await exchange.end()
    }
    if (name === 'embeddings') return expect((await failureOf(script)).code).toBe('PROVIDER_ERROR')
    await using model = await startScriptedModel({ wire: wires[kind] })
    model.onLookUp(script)
    const outcome = await providerOf({ kind, baseUrl: model.baseUrl })
      .listModels(noSignal())
      .catch((error: unknown) => error)
    if (outcome instanceof ProviderError) expect(outcome.code).toBe('PROVIDER_ERROR')
    else expect(outcome).toEqual([])
  })

  it('ends with the signal, whose reason it throws', async () => {
    await using model = await startScriptedModel({ wire: wires[kind] })
    const controller = new AbortController()
    const reason = new Error('stopped')
    const closed = new Promise<void>((resolve) => {
      model.onLookUp(async (exchange) => {
        controller.abort(reason)
        await exchange.closed
        resolve()
      })
    })
    const provider = providerOf({ kind, baseUrl: model.baseUrl })
    await expect(lookUps[name]?.(provider, controller.signal)).rejects.toBe(reason)
    await closed
  })
})

const embedding = present.filter(({ kind }) => providerOf({ kind, baseUrl: 'http://localhost/' }).embedding !== null)

it.each(embedding.map((wire) => [wire.kind, wire] as const))(
  'vectors of kind %s are refused where one is missing or holds no numbers',
  async (kind, wire) => {
    for (const spoil of [
      (vectors: unknown[]) => vectors.slice(1),
      (vectors: unknown[]) => [...vectors, vectors[0]],
      (vectors: unknown[]) => [null, ...vectors.slice(1)],
    ]) {
      await using model = await startScriptedModel({ wire })
      model.onLookUp(async (exchange) => {
        const found = wire.lookUp(exchange.request, []) as Record<string, unknown>
        for (const field of ['data', 'embeddings']) {
          const vectors = found[field]
          if (Array.isArray(vectors)) found[field] = spoil(vectors)
        }
        await exchange.start('application/json')
        await exchange.raw(JSON.stringify(found))
        await exchange.end()
      })
      const { embedding } = providerOf({ kind, baseUrl: model.baseUrl })
      await expect(embedding?.embed({ model: 'm', input: ['one', 'two'] }, noSignal())).rejects.toMatchObject({
        code: 'PROVIDER_ERROR',
      })
    }
  },
)
