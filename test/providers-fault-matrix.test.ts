import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { createManagedProvider } from '../src/providers/accounts.ts'
import { kinds } from '../src/providers/kinds.ts'
import { ProviderError } from '../src/providers/provider-error.ts'
import { type Fault, faults } from './support/faults.ts'
import {
  type CollectedTurn,
  collect,
  kindDependencies,
  providerConfig,
  providerOf,
  requestOf,
} from './support/provider-fixture.ts'
import { type ScriptedModel, startScriptedModel } from './support/scripted-model.ts'
import type { Wire } from './support/wire/wire.ts'
import { wires } from './support/wire/wires.ts'

// Every fault at every kind of provider: its code, what is kept, and how often it is tried.

const present = Object.values(wires).filter(({ kind }) => kind in kinds)
const apiKey = 'sk-parley-0123456789abcdef'
const maxRetries = 2
/** Pauses between attempts that end at once. */
const timing = { retryBaseMs: 1, retryCapMs: 2 }

const asked = (wire: Wire, { requests }: ScriptedModel) => requests.filter(({ path }) => wire.isAnswerPath(path)).length

function failureOf({ error, finished }: CollectedTurn, model: ScriptedModel): ProviderError {
  expect(error).toBeInstanceOf(ProviderError)
  expect(finished).toBeUndefined()
  // With its causes, which go to the log.
  const everything = inspect(error, { depth: 5 })
  expect(everything).not.toContain(apiKey)
  expect((error as ProviderError).message).not.toMatch(/127\.0\.0\.1|localhost|https?:/)
  expect((error as ProviderError).message).not.toContain(new URL(model.baseUrl).port)
  return error as ProviderError
}

/** The kind with retries, as the registry has it. */
function managed(wire: Wire, model: ScriptedModel, { config = {} }: Fault) {
  const create = kinds[wire.kind]
  if (!create) throw new Error(`no kind ${wire.kind}`)
  return createManagedProvider(
    providerConfig({ kind: wire.kind, baseUrl: model.baseUrl, apiKey, maxRetries, ...config }),
    create,
    { ...kindDependencies, timing },
  )
}

describe.each(present.map((wire) => [wire.kind, wire] as const))('at kind %s', (kind, wire) => {
  const cases = faults.map((fault) => [fault.name, fault] as const)

  it.each(cases)('%s has its code and keeps the text', async (_, fault) => {
    const { code, retryable, text = '', asksToWait = false, config = {} } = fault
    await using model = await startScriptedModel({ wire })
    model.onRequest((exchange) => fault.happen(exchange, 7_000))
    const turn = await collect(providerOf({ kind, baseUrl: model.baseUrl, apiKey, ...config }), requestOf('Hello'))
    const failure = failureOf(turn, model)
    expect([failure.code, failure.retryable, turn.text]).toEqual([code, retryable, text])
    if (asksToWait) {
      expect(failure.retryAfterMs).toBeGreaterThan(5_000)
      expect(failure.retryAfterMs).toBeLessThanOrEqual(7_000)
    } else expect(failure.retryAfterMs).toBeNull()
    expect(asked(wire, model)).toBe(1)
  })

  it.each(cases)('%s is tried again only before the first token, and where that can help', async (_, fault) => {
    const { code, retryable, text = '' } = fault
    const again = retryable && text === ''
    await using model = await startScriptedModel({ wire })
    model.onRequest((exchange) => fault.happen(exchange, 0))
    await using lasting = managed(wire, model, fault)
    const turn = await collect(lasting, requestOf('Hello'))
    const failure = failureOf(turn, model)
    expect([failure.code, turn.text, asked(wire, model)]).toEqual([code, text, again ? 1 + maxRetries : 1])
  })

  it.each(cases)('%s that passes costs nothing but its attempt', async (_, fault) => {
    const { retryable, text = '' } = fault
    const again = retryable && text === ''
    await using model = await startScriptedModel({ wire })
    model.onNextRequest((exchange) => fault.happen(exchange, 0))
    await using passing = managed(wire, model, fault)
    const turn = await collect(passing, requestOf('Hello'))
    expect([turn.text, asked(wire, model)]).toEqual(again ? ['Echo: Hello', 2] : [text, 1])
    expect(turn.finished?.reason).toBe(again ? 'stop' : undefined)
  })

  it('what an API says of a request is shown without the key and the address', async () => {
    await using model = await startScriptedModel({ wire })
    const { status, error } = wire.refusals.contextOverflow
    const message = `${error.message} Key ${apiKey} at ${model.baseUrl}, Bearer abcdefgh`
    model.onRequest((exchange) => exchange.fail(status, { ...error, message }))
    const turn = await collect(providerOf({ kind, baseUrl: model.baseUrl, apiKey }), requestOf('Hello'))
    const failure = failureOf(turn, model)
    expect(failure.code).toBe('CONTEXT_OVERFLOW')
    expect(failure.message).toContain('[hidden]')
    expect(failure.message).not.toContain('abcdefgh')
  })

  it('bytes that are no UTF-8 cost their character alone', async () => {
    await using model = await startScriptedModel({ wire })
    model.onRequest(async (exchange) => {
      const answer = wire.begin('m')
      const [before = '', after = ''] = answer.text('a§b').split('§')
      await exchange.raw(Buffer.concat([Buffer.from(before), Uint8Array.of(0xff), Buffer.from(after)]))
      for (const piece of answer.finish(wire.reasons.stop ?? '', exchange.usage)) await exchange.raw(piece)
      await exchange.end()
    })
    const { text, error } = await collect(providerOf({ kind, baseUrl: model.baseUrl }), requestOf('Hello'))
    expect([text, error]).toEqual(['a\uFFFDb', undefined])
  })

  it('an error behind text in one read keeps the text', async () => {
    await using model = await startScriptedModel({ wire })
    model.onRequest(async (exchange) => {
      const answer = wire.begin('m')
      await exchange.raw(answer.text('Hel') + answer.text('lo') + answer.error(wire.refusals.overloaded.error))
      await exchange.end()
    })
    const turn = await collect(providerOf({ kind, baseUrl: model.baseUrl, apiKey }), requestOf('Hello'))
    expect([turn.text, failureOf(turn, model).code]).toEqual(['Hello', 'OVERLOADED'])
  })
})
