import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { newUlid } from '../src/platform/ids.ts'
import { SendMessageDocument } from './generated/graphql.ts'
import type { TestClient } from './support/client.ts'
import { type Asked, ask, readMessage, readRun, readThread } from './support/conversation.ts'
import { Follower } from './support/follower.ts'
import { createServerPlace, type ProcessConversations } from './support/process-conversation.ts'
import { countRounds, rounds } from './support/rounds.ts'
import { type Exchange, echo, type ScriptedModel, startScriptedModel } from './support/scripted-model.ts'

const leaseMs = 3_000
/** What a crash may cost of an answer's text. */
const lossMs = 1_000
const deltaMs = 10
/** A kill comes after this many deltas at most: well into the time in which checkpoints are written. */
const longestTalk = 250

const timeout = rounds(120_000, 900_000)

test('kill -9 in the middle of runs: all go on or end, and what was acknowledged or a second old is there', {
  timeout,
}, async ({ task }) => {
  const count = countRounds(task, 3, 25)
  await using model = await startScriptedModel()
  await using place = await createServerPlace(model, { runs: { leaseMs } })
  let running: ProcessConversations | null = null
  try {
    running = await place.start()
    for (let round = 0; round < count; round++) {
      // Spread evenly over the answer, and over few rounds as over many.
      const deltas = 1 + Math.floor((((round + 1) * 0.618034) % 1) * longestTalk)
      const before = await talkUntilKilled(running, model, deltas)
      await running[Symbol.asyncDispose]()
      const readAgain = answerAgain(model)
      running = await place.start()
      const readyAt = performance.now()
      await checkAfter(running, before, { readAgain, readyAt }, `round ${round}, killed after ${deltas} deltas`)
    }
  } finally {
    await running?.[Symbol.asyncDispose]()
  }
})

interface Heard {
  readonly at: number
  readonly length: number
}

/** What clients know when the server is killed. */
interface Before {
  /** A run that writes, one that waits behind it, and one whose model has said nothing yet. */
  readonly talking: Asked
  readonly queued: Asked
  readonly silent: Asked
  /** All that was said, and when which length of it had been delivered. */
  readonly said: string
  readonly heard: readonly Heard[]
  readonly lastCursor: string
  readonly killedAt: number
  readonly notes: Notes
}

async function talkUntilKilled(
  { process, server, client }: ProcessConversations,
  model: ScriptedModel,
  deltas: number,
): Promise<Before> {
  let said = ''
  model.onRequest(async (exchange) => {
    if (exchange.lastUserText !== 'Talk') return
    const gone = untilGone(exchange)
    for (let index = 0; !gone.aborted; index++) {
      said += `word${index} `
      await exchange.text(`word${index} `)
      await delay(deltaMs)
    }
  })
  const talking = await ask(client, 'Talk')
  const queued = await ask(client, 'Wait', { threadId: talking.threadId })
  const silent = await ask(client, 'Think')
  const notes = new Notes(client)

  await using watcher = await Follower.open(server, { threadId: talking.threadId, after: talking.streamCursor })
  const heard: Heard[] = []
  let lastCursor = talking.streamCursor
  for (let read = 0; read < deltas; read++) {
    const { cursor, offset, text } = await watcher.nextOf('TextDelta')
    heard.push({ at: performance.now(), length: offset + text.length })
    lastCursor = cursor
  }
  const killedAt = performance.now()
  process.kill('SIGKILL')
  expect(await process.exited).toEqual({ code: null, signal: 'SIGKILL' })
  await expect(fetch(process.url)).rejects.toThrow()
  await notes.ended
  return { talking, queued, silent, said, heard, lastCursor, killedAt, notes }
}

async function checkAfter(
  { server, client }: ProcessConversations,
  { talking, queued, silent, said, heard, lastCursor, killedAt, notes }: Before,
  { readAgain, readyAt }: { readAgain: AnsweredAgain; readyAt: number },
  where: string,
): Promise<void> {
  const latest = readyAt + 2 * leaseMs
  const { runId, threadId } = talking
  await using follower = await Follower.open(server, { threadId, runId, after: lastCursor })
  // What this process has appended is a stream of its own: nothing after the old cursor can be given from it.
  expect((await follower.next())?.__typename).toBe('StreamReset')
  await follower.collect()
  const run = await readRun(client, runId)

  const owed = heard.findLast(({ at }) => at <= killedAt - lossMs)?.length ?? 0
  const text = run.message?.text ?? ''
  if (run.status === 'COMPLETED') {
    // Nothing of it was stored yet: it was begun again, which is allowed as long as nothing is owed.
    expect(owed, where).toBe(0)
    expect(text, where).toBe('Echo: Talk')
    expect(readAgain('Talk')).toBeLessThanOrEqual(latest)
  } else {
    expect(run, where).toMatchObject({ status: 'INTERRUPTED', error: { retryable: true }, usage: { estimated: true } })
    expect(performance.now(), where).toBeLessThanOrEqual(latest)
    expect(said.startsWith(text), where).toBe(true)
    expect(text.length, where).toBeGreaterThanOrEqual(owed)
  }

  for (const [asked, words] of [
    [queued, 'Wait'],
    [silent, 'Think'],
  ] as const) {
    await using ends = await Follower.open(server, { threadId: asked.threadId, runId: asked.runId })
    await ends.collect()
    const { status, message } = await readRun(client, asked.runId)
    expect({ status, text: message?.text }, where).toEqual({ status: 'COMPLETED', text: `Echo: ${words}` })
    expect(readAgain(words), where).toBeLessThanOrEqual(latest)
  }
  await notes.check(client)

  const next = await ask(client, 'Next', { threadId })
  await using ends = await Follower.open(server, { threadId, runId: next.runId, after: next.streamCursor })
  await ends.collect()
  const { branch } = await readThread(client, threadId)
  expect(
    branch.nodes.map((message) => message.text),
    where,
  ).toEqual(['Talk', text, 'Wait', 'Echo: Wait', 'Next', 'Echo: Next'])
}

/** When the model was asked for the answer to this text since the restart. */
type AnsweredAgain = (text: string) => number

function answerAgain(model: ScriptedModel): AnsweredAgain {
  const askedAt = new Map<string, number>()
  model.onRequest(async (exchange) => {
    askedAt.set(exchange.lastUserText, performance.now())
    await echo(exchange)
  })
  return (text) => askedAt.get(text) ?? Number.POSITIVE_INFINITY
}

/** Messages to a thread of their own, one after another, until the server no longer answers. */
class Notes {
  readonly ended: Promise<void>
  readonly #acknowledged = new Map<string, string>()
  #threadId: string | null = null
  #unanswered: { key: string; text: string } | null = null

  constructor(client: TestClient) {
    this.ended = this.#write(client)
  }

  /** Every acknowledged message is there, and the one without an answer can be sent again and is there once. */
  async check(client: TestClient): Promise<void> {
    for (const [id, text] of this.#acknowledged) expect((await readMessage(client, id)).text).toBe(text)
    if (!this.#unanswered || this.#threadId === null) throw new Error('the server was not killed during a send')
    const { key, text } = this.#unanswered
    await this.#send(client, key, text)
    await this.#send(client, key, text)
    expect((await readThread(client, this.#threadId)).messages.totalCount).toBe(this.#acknowledged.size)
  }

  async #write(client: TestClient): Promise<void> {
    for (;;) {
      const note = { key: newUlid(), text: `Note ${this.#acknowledged.size}` }
      try {
        await this.#send(client, note.key, note.text)
      } catch {
        this.#unanswered = note
        return
      }
    }
  }

  async #send(client: TestClient, idempotencyKey: string, text: string): Promise<void> {
    const input = { text, respond: false, idempotencyKey, ...(this.#threadId && { threadId: this.#threadId }) }
    const { sendMessage } = await client.request(SendMessageDocument, { input })
    if (!sendMessage.message) throw new Error('no message was stored')
    this.#threadId = sendMessage.thread.id
    this.#acknowledged.set(sendMessage.message.id, text)
  }
}

function untilGone(exchange: Exchange): AbortSignal {
  const gone = new AbortController()
  void exchange.closed.then(() => gone.abort())
  return gone.signal
}
