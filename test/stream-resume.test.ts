import { setTimeout as delay, setImmediate as tick } from 'node:timers/promises'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ask, type Conversations, readMessage, startConversations } from './support/conversation.ts'
import { Follower, isFinalStatus, type StreamEvent, sequenceOf, textOf } from './support/follower.ts'
import { countRounds, rounds } from './support/rounds.ts'

const timeout = rounds(90_000, 1_200_000)

interface Schedule {
  /** What the model says, in the pieces in which it says it. */
  readonly deltas: readonly string[]
  readonly pace: 'at once' | 'a tick each' | 'a millisecond each'
  /** How many events the second client reads before each loss of its connection. */
  readonly reads: readonly number[]
  readonly followsRunAlone: boolean
}

const schedules: fc.Arbitrary<Schedule> = fc.record({
  deltas: fc.array(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 40 }),
  pace: fc.constantFrom('at once', 'a tick each', 'a millisecond each'),
  reads: fc.array(fc.nat(12), { maxLength: 8 }),
  followsRunAlone: fc.boolean(),
})

test('a client that loses its connection at random and resumes sees what the other sees', { timeout }, async ({
  task,
}) => {
  await using conversations = await startConversations()
  const property = fc.asyncProperty(schedules, async (schedule) => {
    const { steady, broken, stored } = await follow(conversations, schedule)
    expect(textOf(steady)).toBe(schedule.deltas.join(''))
    expect(stored).toBe(schedule.deltas.join(''))
    expect(broken.map(shown)).toEqual(steady.map(shown))
  })
  await fc.assert(property, { numRuns: countRounds(task, 20, 1000), endOnFailure: true })
})

test('a client that resumes after what is held gets the rest from a snapshot: no gap, no repeat', { timeout }, async ({
  task,
}) => {
  await using conversations = await startConversations({ config: { stream: { retain: 3 } } })
  const property = fc.asyncProperty(schedules, async (schedule) => {
    const { steady, broken, text, stored } = await follow(conversations, schedule)
    expect(textOf(steady)).toBe(stored)
    expect(text).toBe(stored)
    checkPlaces(steady, broken)
  })
  await fc.assert(property, { numRuns: countRounds(task, 20, 1000), endOnFailure: true })
})

/** One client that stays, and one that loses its connection as the schedule says; both read to the run's end. */
async function follow({ model, server, client }: Conversations, { deltas, pace, reads, followsRunAlone }: Schedule) {
  const watched = Promise.withResolvers<void>()
  model.onRequest(async (exchange) => {
    await watched.promise
    for (const text of deltas) {
      await exchange.text(text)
      if (pace !== 'at once') await (pace === 'a tick each' ? tick() : delay(1))
    }
    await exchange.finish()
  })
  const { threadId, runId, answerId, streamCursor } = await ask(client, 'Go')
  const storedMessage = () => readMessage(client, answerId)

  const steadyClient = async () => {
    await using follower = await Follower.open(server, { threadId, runId, after: streamCursor })
    const first = await follower.next()
    watched.resolve()
    return [...(first ? [first] : []), ...(await follower.collect())]
  }
  const brokenClient = async () => {
    const events: StreamEvent[] = []
    let after = streamCursor
    let text = ''
    for (const read of [...reads, Number.POSITIVE_INFINITY]) {
      await using follower = await Follower.open(server, {
        threadId,
        runId: followsRunAlone ? runId : null,
        after,
      })
      for (let count = 0; count < read; count++) {
        const event = await follower.next()
        if (!event) throw new Error('the subscription ended before the run')
        events.push(event)
        after = event.cursor
        if (event.__typename === 'TextDelta') {
          expect(text.length).toBeGreaterThanOrEqual(event.offset)
          text = text.slice(0, event.offset) + event.text
        } else if (event.__typename === 'MessageSnapshot') text = event.message.text
        else if (event.__typename === 'StreamReset') {
          // What the contract tells a client to do: fetch again what it shows.
          const message = await storedMessage()
          text = message.text
          if (!followsRunAlone && message.status === 'COMPLETED') return { events, text }
        }
        if (!isFinalStatus(event)) continue
        if (followsRunAlone) expect(await follower.next()).toBeNull()
        return { events, text }
      }
      follower.drop()
    }
    throw new Error('the subscription did not end')
  }
  const [steady, broken] = await Promise.all([steadyClient(), brokenClient()])
  return { steady, broken: broken.events, text: broken.text, stored: (await storedMessage()).text }
}

/** What of an event does not depend on when it is delivered. */
function shown(event: StreamEvent) {
  const { __typename, cursor, threadId, runId, at } = event
  const rest =
    event.__typename === 'TextDelta'
      ? { offset: event.offset, text: event.text, messageId: event.messageId }
      : event.__typename === 'RunStatusChanged'
        ? { status: event.status }
        : 'message' in event
          ? { messageId: event.message.id }
          : {}
  return { __typename, cursor, threadId, runId, at, ...rest }
}

/** Every event that was not made for the second client alone is one of the first's, in its order and once. */
function checkPlaces(steady: readonly StreamEvent[], broken: readonly StreamEvent[]): void {
  const known = new Map(steady.filter(isKept).map((event) => [event.cursor, shown(event)]))
  const firstKnown = steady[0] ? sequenceOf(steady[0]) : 0
  let last = -1
  let isMade = false
  for (const event of broken) {
    const sequence = sequenceOf(event)
    if (!isKept(event)) {
      expect(sequence).toBeGreaterThanOrEqual(last)
      if (event.__typename === 'MessageSnapshot') expect(event.message.text).toBe(textOf(steady, sequence))
      isMade = true
    } else if (isMade && isFinalStatus(event) && sequence === last) {
      // The last status of a run that has ended, given after the snapshot.
    } else {
      expect(sequence).toBeGreaterThan(last)
      if (sequence > firstKnown) expect(shown(event)).toEqual(known.get(event.cursor))
      isMade = false
    }
    last = sequence
  }
}

/** Whether it is in the stream, and not made for one subscriber. */
function isKept({ __typename }: StreamEvent): boolean {
  return __typename !== 'StreamReset' && __typename !== 'MessageSnapshot'
}
