import { setImmediate as tick } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { newUlid } from '../src/platform/ids.ts'
import { UpdateMessageDocument } from './generated/graphql.ts'
import {
  ask,
  type Conversations,
  readMessage,
  readThread,
  requestFor,
  startConversations,
} from './support/conversation.ts'
import { Follower, isFinalStatus, type StreamEvent } from './support/follower.ts'
import { countRounds, rounds } from './support/rounds.ts'
import type { Exchange } from './support/scripted-model.ts'

// `streamCursor` closes the gap between what a client has read and what it is told next.

let conversations: Conversations
beforeAll(async () => {
  conversations = await startConversations()
})
afterAll(() => conversations[Symbol.asyncDispose]())

const timeout = rounds(90_000, 1_200_000)

/** When the run ends: before the client reads, between its reading and its subscribing, or after both. */
const ends = ['before', 'between', 'after'] as const

test('send, then subscribe with the payload’s cursor: nothing is missed', { timeout }, async ({ task }) => {
  const { client, server } = conversations
  for (let round = 0; round < countRounds(task, 15, 1000); round++) {
    const end = ends[round % ends.length]
    await using run = await startRun()
    const { threadId, runId, answerId, streamCursor } = run.asked
    if (end !== 'after') await run.end()
    const alone = round % 2 === 0
    await using follower = await Follower.open(server, { threadId, runId: alone ? runId : null, after: streamCursor })
    if (end === 'after') await run.end()
    const events = await follower.collect(isFinalStatus)
    expect(events.map(({ __typename }) => __typename).filter((type) => type !== 'TextDelta')).toEqual([
      'MessageChanged',
      'MessageChanged',
      'RunStatusChanged',
      'RunStatusChanged',
      'RunStatusChanged',
      'MessageFinished',
      'RunStatusChanged',
    ])
    const texts = new Map<string, string>()
    apply(texts, events)
    expect(texts.get(answerId)).toBe(run.said())
    expect(texts.get(answerId)).toBe((await readMessage(client, answerId)).text)
  }
})

test('query, then subscribe with the thread’s cursor: nothing is missed', { timeout }, async ({ task }) => {
  const { client, server } = conversations
  for (let round = 0; round < countRounds(task, 15, 1000); round++) {
    const end = ends[round % ends.length]
    await using run = await startRun()
    const { threadId, runId, answerId, questionId } = run.asked
    if (end === 'before') await run.end()
    const thread = await readThread(client, threadId)
    if (end === 'between') await run.end()
    await using follower = await Follower.open(server, { threadId, after: thread.streamCursor })
    await run.end()
    // A correction of the question comes after all events of the run.
    await client.request(UpdateMessageDocument, { input: { messageId: questionId, text: 'Read' } })
    const events = await follower.collect(
      (event) => event.__typename === 'MessageChanged' && event.message.text === 'Read',
    )

    const texts = new Map(thread.messages.nodes.map(({ id, text }) => [id, text]))
    apply(texts, events)
    expect([...texts.keys()]).toEqual(expect.arrayContaining([questionId, answerId]))
    expect(texts.get(answerId)).toBe(run.said())
    expect(texts.get(answerId)).toBe((await readMessage(client, answerId)).text)
    const status = events.findLast((event) => event.__typename === 'RunStatusChanged' && event.runId === runId)
    const known = thread.runs.nodes.find(({ id }) => id === runId)?.status
    expect(status?.__typename === 'RunStatusChanged' ? status.status : known).toBe('COMPLETED')
  }
})

/** What a client does with events: cut to `offset`, then append. */
function apply(texts: Map<string, string>, events: readonly StreamEvent[]): void {
  for (const event of events) {
    if (event.__typename === 'TextDelta') {
      const text = texts.get(event.messageId) ?? ''
      expect(text.length).toBeGreaterThanOrEqual(event.offset)
      texts.set(event.messageId, text.slice(0, event.offset) + event.text)
    } else if (event.__typename === 'MessageChanged' && !texts.has(event.message.id)) {
      texts.set(event.message.id, event.message.role === 'USER' ? event.message.text : '')
    }
  }
}

/** A run whose model talks, a word a tick, until it is told to end. */
async function startRun() {
  const { client, model, server } = conversations
  model.hold()
  const question = newUlid()
  const asked = await ask(client, question)
  const watcher = await Follower.open(server, { threadId: asked.threadId, after: asked.streamCursor })
  let said = ''
  let isTalking = true
  const talking = requestFor(model, question).then(async (exchange: Exchange) => {
    for (let word = 0; isTalking || word === 0; word++) {
      said += `${word} `
      await exchange.text(`${word} `)
      await tick()
    }
    await exchange.finish()
  })
  let ended: Promise<void> | null = null
  const end = async () => {
    isTalking = false
    await talking
    await watcher.nextStatus('COMPLETED', asked.runId)
  }
  return {
    asked,
    said: () => said,
    /** Returns when the run has ended. */
    end() {
      ended ??= end()
      return ended
    },
    [Symbol.asyncDispose]: () => watcher[Symbol.asyncDispose](),
  }
}
