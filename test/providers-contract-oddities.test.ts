import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { kinds } from '../src/providers/kinds.ts'
import type { ModelEvent } from '../src/providers/model-event.ts'
import { ProviderError } from '../src/providers/provider-error.ts'
import { collect, providerOf, requestOf } from './support/provider-fixture.ts'
import { countRounds, rounds } from './support/rounds.ts'
import { startScriptedModel } from './support/scripted-model.ts'
import type { Wire } from './support/wire/wire.ts'
import { wires } from './support/wire/wires.ts'

// Answers in which anything is missing, doubled, or of another type than the API's documentation says.

const present = Object.values(wires).filter(({ kind }) => kind in kinds)
const tools = [{ name: 'weather', description: null, inputSchema: { type: 'object' } }]

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/** One answer with all that a model says, as the API's payloads. */
function payloadsOf(wire: Wire): readonly Json[] {
  const answer = wire.begin('scripted-model')
  const body = [
    answer.reasoning('Think.'),
    answer.text('Let me look.'),
    ...answer.toolCall({ id: 'call_a', name: 'weather', arguments: '{"city":"Oslo","days":[1,2]}' }),
    ...answer.finish(
      wire.reasons['tool-calls'] ?? '',
      wire.usage({ inputTokens: 10, outputTokens: 8, reasoningTokens: 3, cachedInputTokens: 4 }),
    ),
  ].join('')
  return body
    .split(/\r?\n/)
    .map((line) => line.replace(/^data: /, ''))
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))
}

interface Change {
  readonly payload: number
  /** Which of the values in the payload. */
  readonly value: number
  /** undefined takes the value out. */
  readonly by: Json | undefined
}

const replacements = fc.constantFrom<Json | undefined>(
  undefined,
  null,
  true,
  0,
  -1,
  1e308,
  '',
  '7',
  '\ud83d',
  '\0',
  [],
  [null],
  {},
  { type: 'text' },
  '__proto__',
)

const changes = fc.array(fc.record<Change>({ payload: fc.nat(), value: fc.nat(), by: replacements }), {
  minLength: 1,
  maxLength: 6,
})

/** Every place of a value inside a value. */
function placesIn(value: Json): readonly { readonly holder: Json[] | { [key: string]: Json }; readonly key: string }[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => [{ holder: value, key }, ...placesIn(inner)])
}

function changed(payloads: readonly Json[], all: readonly Change[]): readonly Json[] {
  const copy = structuredClone([...payloads])
  for (const { payload, value, by } of all) {
    const places = placesIn(copy[payload % copy.length] ?? null)
    const place = places[value % Math.max(1, places.length)]
    if (!place) continue
    if (by === undefined) Reflect.deleteProperty(place.holder, place.key)
    else Reflect.set(place.holder, place.key, structuredClone(by))
  }
  return copy
}

const isClean = (text: unknown) => typeof text === 'string' && text.isWellFormed() && !text.includes('\0')
const isCleanJson = (value: unknown) => !/\\u0000|\\ud[89a-f]/.test(JSON.stringify(value))

/** Whether an event is what the rest of the house relies on, whatever a provider sent. */
function isSound(event: ModelEvent): boolean {
  switch (event.type) {
    case 'text-delta':
    case 'reasoning-delta':
      return isClean(event.text) && event.text !== ''
    case 'tool-call-requested': {
      const { callId, name, arguments: args, providerData } = event
      return callId !== '' && [callId, name, args].every(isClean) && isCleanJson(providerData)
    }
    case 'part-finished':
      return isCleanJson(event.providerData)
    case 'provider-state-changed':
      return isCleanJson(event.state)
    case 'turn-finished': {
      const { rawReason, usage } = event
      if (rawReason !== null && !isClean(rawReason)) return false
      if (usage === null) return true
      const { inputTokens, outputTokens, reasoningTokens, cachedInputTokens } = usage
      const counts = [inputTokens, outputTokens, reasoningTokens, cachedInputTokens]
      // PostgreSQL's integers hold no more.
      if (!counts.every((count) => Number.isInteger(count) && count >= 0 && count < 2 ** 31)) return false
      return reasoningTokens <= outputTokens && cachedInputTokens <= inputTokens
    }
    default:
      return false
  }
}

describe.each(present.map((wire) => [wire.kind, wire] as const))('an answer of kind %s', (kind, wire) => {
  const payloads = payloadsOf(wire)

  it(`of kind ${kind} with anything missing or odd is read as far as it makes sense, or ends in a typed error`, {
    timeout: rounds(60_000, 600_000),
  }, async ({ task }) => {
    await using model = await startScriptedModel({ wire })
    const provider = providerOf({ kind, baseUrl: model.baseUrl })
    const property = fc.asyncProperty(changes, fc.boolean(), async (all, doubled) => {
      const sent = changed(payloads, all).flatMap((payload) => (doubled ? [payload, payload] : [payload]))
      model.onNextRequest(async (exchange) => {
        await exchange.raw(sent.map((payload) => wire.frame(JSON.stringify(payload))).join(''))
        await exchange.end()
      })
      const { events, error } = await collect(provider, requestOf('Hello', { tools }))
      expect(events.filter((event) => !isSound(event))).toEqual([])
      if (error === undefined) return
      expect(error).toBeInstanceOf(ProviderError)
      // A mistake of the reader's own would be one of these.
      expect((error as ProviderError).cause).not.toBeInstanceOf(TypeError)
      expect((error as ProviderError).cause).not.toBeInstanceOf(RangeError)
    })
    await fc.assert(property, { numRuns: countRounds(task, 300, 10_000), endOnFailure: true })
  })
})
