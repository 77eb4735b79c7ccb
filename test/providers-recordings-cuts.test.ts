import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { kinds } from '../src/providers/kinds.ts'
import { ProviderError } from '../src/providers/provider-error.ts'
import { countClientReads } from './support/client-reads.ts'
import { type CollectedTurn, collect, providerOf, requestOf } from './support/provider-fixture.ts'
import type { Recorded } from './support/recorded/recorded.ts'
import { type Recording, recordings, sayWhetherSkipped } from './support/recorded/recordings.ts'
import { countRounds, rounds } from './support/rounds.ts'
import { type Exchange, startScriptedModel } from './support/scripted-model.ts'
import { wires } from './support/wire/wires.ts'

// Streams that real providers sent, as a bad network delivers them.

sayWhetherSkipped()
const present = recordings.filter(({ api }) => api.kind in kinds)

/** Another end than the one that the provider's stream has. */
const endings = ['end', 'leave', 'reset'] as const
type Ending = (typeof endings)[number]

interface Cut {
  readonly recording: Recording
  /** So many bytes of the body are sent. */
  readonly at: number
  /** Where what is sent is split. */
  readonly splits: readonly number[]
  readonly ending: Ending
}

const bytesOf = ({ frames, api }: Recording) => Buffer.from(frames.join('') + api.terminator)

/** What a recording, or as much of it as counts, must give. */
function promiseOf(recorded: Recorded) {
  const isWhole = recorded.finish !== null
  return {
    text: recorded.text,
    reasoning: recorded.reasoning,
    reason: recorded.finish?.reason,
    rawReason: recorded.finish?.rawReason,
    usage: isWhole && recorded.usage ? { ...recorded.usage, estimated: false } : isWhole ? null : undefined,
    error: isWhole
      ? undefined
      : recorded.error === null
        ? { code: 'PROVIDER_ERROR', retryable: true }
        : { code: 'QUOTA_EXCEEDED', retryable: false },
    calls: isWhole ? recorded.toolCalls.length : undefined,
  }
}

/** What came of it, to be compared with the promise. */
function outcomeOf({ text, reasoning, finished, toolCalls, error }: CollectedTurn) {
  const { code, retryable } = error instanceof ProviderError ? error : { code: String(error), retryable: null }
  return {
    text,
    reasoning,
    reason: finished?.reason,
    rawReason: finished?.rawReason,
    usage: finished?.usage,
    error: error === undefined ? undefined : { code, retryable },
    calls: error === undefined ? toolCalls.length : undefined,
  }
}

/**
 * The payloads that came whole before the cut. Where the body simply ends, the last one need not have its empty line;
 * a line that a carriage return ends needs no line feed.
 */
function payloadsBefore({ recording: { frames, payloads }, at, ending }: Cut): Recording['payloads'] {
  let end = 0
  const count = frames.findIndex((frame) => {
    end += Buffer.byteLength(frame)
    const spare = ending === 'end' ? (/\s*$/.exec(frame)?.[0].length ?? 0) : frame.endsWith('\r\n') ? 1 : 0
    return end - spare > at
  })
  return count === -1 ? payloads : payloads.slice(0, count)
}

async function send(exchange: Exchange, { recording, at, splits, ending }: Cut): Promise<void> {
  const bytes = bytesOf(recording)
  const ends = [...splits.filter((split) => split < at).toSorted((left, right) => left - right), at]
  await exchange.pieces(
    ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end)).filter(({ length }) => length > 0),
  )
  await exchange.start()
  await exchange[ending]()
}

describe.skipIf(present.length === 0)('a recorded stream', () => {
  const all = present.flatMap((folder) =>
    folder.all.map((recording) => [folder.api.folder, recording.name, recording] as const),
  )

  it.each(all)(
    '%s/%s gives the same where every byte comes by itself',
    { timeout: 120_000 },
    async (_, __, recording) => {
      await using model = await startScriptedModel({ wire: wires[recording.api.kind] })
      const bytes = bytesOf(recording)
      model.onRequest(async (exchange) => {
        await exchange.bytes(bytes)
        await exchange.end()
      })
      using reads = countClientReads()
      const provider = providerOf({ kind: recording.api.kind, baseUrl: model.baseUrl })
      const turn = await collect(provider, requestOf('Hello'))
      expect(outcomeOf(turn)).toEqual(promiseOf(recording.api.read(recording.payloads)))
      // Nearly each byte was a read of its own, up to an error, which is the last that is read.
      const { error } = recording.api.read(recording.payloads)
      expect(reads.count).toBeGreaterThan((error === null ? 0.95 : 0.5) * bytes.length)
    },
  )

  it.for(present)(
    'of $api.folder that is cut off anywhere gives the whole answer, or a typed error and exactly the text before the cut',
    { timeout: rounds(60_000, 600_000) },
    async ({ api, all }, { task }) => {
      await using model = await startScriptedModel({ wire: wires[api.kind] })
      const provider = providerOf({ kind: api.kind, baseUrl: model.baseUrl })
      const cuts: fc.Arbitrary<Cut> = fc.constantFrom(...all).chain((recording) => {
        const places = fc.integer({ min: 0, max: bytesOf(recording).length })
        return fc.record({
          recording: fc.constant(recording),
          at: places,
          splits: fc.array(places, { maxLength: 4 }),
          ending: fc.constantFrom(...endings),
        })
      })
      const property = fc.asyncProperty(cuts, async (cut) => {
        model.onNextRequest((exchange) => send(exchange, cut))
        const turn = await collect(provider, requestOf('Hello'))
        expect(outcomeOf(turn)).toEqual(promiseOf(api.read(payloadsBefore(cut))))
      })
      await fc.assert(property, { numRuns: countRounds(task, 100, 1_000), endOnFailure: true })
    },
  )
})
