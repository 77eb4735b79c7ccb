import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { type Asked, ask, readMessage } from './support/conversation.ts'
import { DelayMeter } from './support/delay-meter.ts'
import { percentile } from './support/percentile.ts'
import { createServerPlace, type ProcessConversations } from './support/process-conversation.ts'
import { countRounds, rounds } from './support/rounds.ts'
import { type Exchange, startScriptedModel } from './support/scripted-model.ts'
import { StalledClient } from './support/stalled-client.ts'

const stalledClients = 50
const healthyClients = 4
const mebibyte = 1024 * 1024
const allowedHeldBytes = 50 * mebibyte
/** A short run ends while both processes still warm up, each at its own pace. */
const allowedResidentBytes = rounds(180, 100) * mebibyte
const allowedDelayMs = 10

/** Every delta is as long, so that its number follows from its offset. */
const deltaLength = 8
const deltasPerSecond = 1_000
/** With frames of 8 KB, more than the 4 MB that Linux holds for a connection whose other end does not read. */
const deltasUntilStalled = 700

const timeout = rounds(150_000, 900_000)

test('50 clients that stop reading cost neither the process, nor memory, nor the others; reading again, they catch up', {
  timeout,
}, async ({ task }) => {
  const deltas = countRounds(task, 4_000, 50_000)
  await using free = await Stage.open(0)
  await using stalled = await Stage.open(stalledClients)
  // At the same time, so that whatever else the machine does slows down both.
  await Promise.all([free.talkOn(deltas), stalled.talkOn(deltas)])

  const [memory, freeMemory] = [await stalled.memory(), await free.memory()]
  const extraBytes = memory.resident - freeMemory.resident
  const [whole, freeWhole] = [stalled, free].map((stage) => percentile(stage.delays().flat(), 0.99).toFixed(1))
  const [p99, freeP99] = [typicalP99(stalled.delays()), typicalP99(free.delays())]
  const result = `${Math.round(extraBytes / mebibyte)} MB more; p99 ${whole} ms beside ${freeWhole} ms`
  Object.assign(task.meta, { result })
  expect(memory.held - freeMemory.held, result).toBeLessThanOrEqual(allowedHeldBytes)
  expect(extraBytes, result).toBeLessThanOrEqual(allowedResidentBytes)
  expect(p99, result).toBeLessThanOrEqual(freeP99 + allowedDelayMs)

  await stalled.checkCaughtUp()
  for (const { running } of [free, stalled]) expect((await fetch(`${running.process.url}/health`)).status).toBe(200)
})

/**
 * The median of the p99 of each tenth of a second: what a busy machine does in one of them says nothing of the server,
 * and what stalled clients cost, they cost in all.
 */
function typicalP99(delays: readonly (readonly number[])[]): number {
  const partLength = deltasPerSecond / 10
  const p99s: number[] = []
  for (let start = 0; start < (delays[0]?.length ?? 0); start += partLength) {
    const part = delays.flatMap((ofClient) => ofClient.slice(start, start + partLength))
    p99s.push(percentile(part, 0.99))
  }
  return percentile(p99s, 0.5)
}

/** A server in a process of its own, a run, its healthy readers, and those that have stopped reading. */
class Stage implements AsyncDisposable {
  readonly running: ProcessConversations
  readonly #resources: AsyncDisposableStack
  readonly #asked: Asked
  readonly #talk: Talk
  readonly #healthy: readonly DelayMeter[]
  readonly #stalled: readonly StalledClient[]

  private constructor(
    resources: AsyncDisposableStack,
    parts: {
      running: ProcessConversations
      asked: Asked
      talk: Talk
      healthy: readonly DelayMeter[]
      stalled: readonly StalledClient[]
    },
  ) {
    this.#resources = resources
    this.running = parts.running
    this.#asked = parts.asked
    this.#talk = parts.talk
    this.#healthy = parts.healthy
    this.#stalled = parts.stalled
  }

  /** Returns when the run is under way, and the clients that do not read take nothing more. */
  static async open(stalling: number): Promise<Stage> {
    await using resources = new AsyncDisposableStack()
    const model = resources.use(await startScriptedModel())
    // They stall for longer than a connection may that is not to count as dead.
    const place = resources.use(await createServerPlace(model, { writeTimeoutMs: 600_000 }))
    const preload = fileURLToPath(new URL('support/report-memory.ts', import.meta.url))
    const running = resources.use(await place.start({ NODE_OPTIONS: `--import ${preload}` }))

    model.hold()
    const asked = await ask(running.client, 'Go')
    const talk = new Talk(await model.nextRequest())
    const healthy: DelayMeter[] = []
    for (let client = 0; client < healthyClients; client++)
      healthy.push(resources.use(await DelayMeter.open(running.server, asked, deltaLength)))
    const stalled: StalledClient[] = []
    for (let client = 0; client < stalling; client++)
      stalled.push(resources.use(await StalledClient.open(running.server, asked)))
    for (let delta = 1; delta <= deltasUntilStalled; delta++) {
      await talk.say()
      // One by one, so that none are joined: each is a frame of its own to those that do not read.
      for (const meter of healthy) await meter.has(delta)
    }
    return new Stage(resources.move(), { running, asked, talk, healthy, stalled })
  }

  /** Says more, and returns when the run has ended for those that read. */
  async talkOn(deltas: number): Promise<void> {
    await this.#talk.sayMany(deltas)
    await Promise.all(this.#healthy.map(({ ended }) => ended))
  }

  /** After a garbage collection. */
  /** In bytes, after a garbage collection: what JavaScript holds, and what the whole process does. */
  async memory(): Promise<{ readonly held: number; readonly resident: number }> {
    this.running.process.kill('SIGUSR2')
    const [, held, resident] = await this.running.process.waitFor(/^held (\d+) bytes\nresident (\d+) bytes$/m)
    return { held: Number(held), resident: Number(resident) }
  }

  /** Of each delta's way to a healthy client, in milliseconds, while the others read no more: a list a client. */
  delays(): readonly number[][] {
    return this.#healthy.map((meter) => meter.delays(this.#talk.sentAt).slice(deltasUntilStalled))
  }

  /** What the stalled clients are given instead of the deltas that they did not read leads them to the stored text. */
  async checkCaughtUp(): Promise<void> {
    const { client, server } = this.running
    const fetchText = async () => (await readMessage(client, this.#asked.answerId)).text
    expect((await fetchText()) === this.#talk.said, 'what was said is stored').toBe(true)
    for (const stalled of this.#stalled) {
      const { text, how } = await stalled.readOn(server, fetchText)
      expect(['a snapshot', 'SLOW_CONSUMER']).toContain(how)
      expect(text === this.#talk.said, `the text that a client has after ${how}`).toBe(true)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync()
  }
}

/** What a model says, each delta flushed by itself, and when it said it. */
class Talk {
  said = ''
  readonly sentAt: number[] = []
  readonly #exchange: Exchange

  constructor(exchange: Exchange) {
    this.#exchange = exchange
  }

  async say(): Promise<void> {
    const piece = `${this.sentAt.length} `.padStart(deltaLength, '.')
    this.said += piece
    this.sentAt.push(performance.now())
    await this.#exchange.text(piece)
  }

  /** At an even pace, and the last of all. */
  async sayMany(deltas: number): Promise<void> {
    const startedAt = performance.now()
    for (let delta = 0; delta < deltas; delta++) {
      const early = startedAt + (delta / deltasPerSecond) * 1000 - performance.now()
      if (early > 1) await delay(early)
      await this.say()
    }
    await this.#exchange.finish()
  }
}
