import { describe, expect, it } from 'vitest'
import { maxDeltaLength } from '../src/providers/event-batch.ts'
import { kinds } from '../src/providers/kinds.ts'
import type { Provider } from '../src/providers/provider.ts'
import { collect, noOptions, providerOf, requestOf } from './support/provider-fixture.ts'
import { startScriptedModel } from './support/scripted-model.ts'
import type { Wire } from './support/wire/wire.ts'
import { wires } from './support/wire/wires.ts'

// What every kind of provider promises, whatever its model says; what models say and are asked is in
// providers-contract-answers.test.ts and providers-contract-requests.test.ts.

interface Started extends AsyncDisposable {
  readonly provider: Provider
  /** Resolves when nothing of the provider's last request is left. */
  idle(): Promise<void>
}

interface Subject {
  readonly message: string
  /** What is answered without an end. */
  readonly endless: string
  start(): Promise<Started>
}

/** How each kind is made to answer. */
const subjects: Readonly<Record<string, Subject>> = {
  ...Object.fromEntries(Object.values(wires).map((wire) => [wire.kind, overHttp(wire)])),
  demo: {
    message: '/fast two words',
    endless: '/long 1000',
    async start() {
      return { provider: providerOf({ kind: 'demo' }), idle: async () => {}, async [Symbol.asyncDispose]() {} }
    },
  },
}

function overHttp(wire: Wire): Subject {
  return {
    message: 'two words',
    endless: 'endless',
    async start() {
      const model = await startScriptedModel({ wire })
      model.onRequest(async (exchange) => {
        if (exchange.lastUserText !== 'endless') {
          await exchange.text('Echo')
          return exchange.finish()
        }
        await exchange.text('first')
        await exchange.closed
      })
      return {
        provider: providerOf({ kind: wire.kind, baseUrl: model.baseUrl }),
        async idle() {
          await (await model.nextRequest()).closed
        },
        [Symbol.asyncDispose]: () => model[Symbol.asyncDispose](),
      }
    },
  }
}

it('every kind is held to the contract', () => {
  expect(Object.keys(subjects)).toEqual(expect.arrayContaining(Object.keys(kinds)))
})

const present = Object.entries(subjects).filter(([kind]) => kind in kinds)

describe.each(present)('a provider of kind %s', (_, { message, endless, start }) => {
  it('yields batches that are never empty, deltas that are never empty, and one end, last', async () => {
    await using subject = await start()
    const { batches, events, error } = await collect(subject.provider, requestOf(message))
    expect(error).toBeUndefined()
    for (const batch of batches) expect(batch.length).toBeGreaterThan(0)
    for (const event of events) {
      if (event.type !== 'text-delta' && event.type !== 'reasoning-delta') continue
      expect(event.text.length).toBeGreaterThan(0)
      expect(event.text.length).toBeLessThanOrEqual(maxDeltaLength)
    }
    expect(events.filter(({ type }) => type === 'turn-finished')).toHaveLength(1)
    expect(events.at(-1)?.type).toBe('turn-finished')
  })

  it('answers the same to the same message, and counts it', async () => {
    await using subject = await start()
    const first = await collect(subject.provider, requestOf(message))
    const second = await collect(subject.provider, requestOf(message))
    expect(second.text).toBe(first.text)
    expect(first.finished?.usage?.outputTokens).toBeGreaterThan(0)
  })

  it('throws the reason of a signal that is aborted already', async () => {
    await using subject = await start()
    const reason = new Error('stopped before')
    const { error, events } = await collect(subject.provider, requestOf(message), AbortSignal.abort(reason))
    expect([error, events]).toEqual([reason, []])
    await expect(subject.provider.listModels(AbortSignal.abort(reason))).rejects.toBe(reason)
  })

  it('throws the reason of an abort before the first token', async () => {
    await using subject = await start()
    const controller = new AbortController()
    const reason = new Error('stopped early')
    const turn = collect(subject.provider, requestOf(`${endless} /slow 100000`), controller.signal)
    controller.abort(reason)
    const { error, finished } = await turn
    expect([error, finished]).toEqual([reason, undefined])
  })

  it('throws the reason of an abort in the middle, keeps what came, and lets go of the connection', async () => {
    await using subject = await start()
    const controller = new AbortController()
    const reason = new Error('stopped')
    const texts: string[] = []
    const read = async () => {
      for await (const batch of subject.provider.stream(requestOf(endless), controller.signal)) {
        for (const event of batch) if (event.type === 'text-delta') texts.push(event.text)
        queueMicrotask(() => controller.abort(reason))
      }
    }
    await expect(read()).rejects.toBe(reason)
    expect(texts).toHaveLength(1)
    await subject.idle()
  })

  it('lets go of the connection when its reader leaves', async () => {
    await using subject = await start()
    for await (const _batch of subject.provider.stream(requestOf(endless), new AbortController().signal)) break
    await subject.idle()
  })

  it('leaves no listener on the signal', async () => {
    await using subject = await start()
    const { signal } = new AbortController()
    let listeners = 0
    const add = signal.addEventListener.bind(signal)
    const remove = signal.removeEventListener.bind(signal)
    signal.addEventListener = (...listener: Parameters<typeof add>) => {
      listeners += 1
      add(...listener)
    }
    signal.removeEventListener = (...listener: Parameters<typeof remove>) => {
      listeners -= 1
      remove(...listener)
    }
    await collect(subject.provider, requestOf(message, { options: noOptions }), signal)
    expect(listeners).toBeLessThanOrEqual(0)
  })

  it('lists models with names', async () => {
    await using subject = await start()
    const models = await subject.provider.listModels(new AbortController().signal)
    expect(models.length).toBeGreaterThan(0)
    for (const { name } of models) expect(name).not.toBe('')
  })
})
