import { setTimeout as sleep } from 'node:timers/promises'
import type { System } from './chat-client.ts'
import type { House, Server } from './house.ts'
import { kinds } from './kinds.ts'
import { beginSpan, busyPercent, compare, type Figures, percentile, spanOf } from './measure.ts'
import { search } from './search.ts'
import { tools } from './tools.ts'

/** How much is measured. */
export interface Size {
  /** Measurements of each system; their median counts. */
  readonly rounds: number
  /** Of a measurement that has no end of its own. */
  readonly milliseconds: number
  readonly saturation: { readonly streams: number; readonly tokens: number }
  readonly pacedStreams: number
  readonly answers: { readonly connections: number; readonly times: number }
  readonly firstTokens: { readonly connections: number; readonly times: number }
  readonly memoryStreams: number
  readonly subscribers: readonly number[]
  readonly search: SearchSize
}

export interface SearchSize {
  /** Of one user, each one passage. */
  readonly messages: number
  /** Sentences that they are about. */
  readonly centres: number
  /** Of each mode but REGEX, which has a tenth. */
  readonly queries: number
  /** Answers that flow meanwhile, at 50 tokens a second. */
  readonly streams: number
  /** How often they flow, alone and beside searches in turn. */
  readonly rounds: number
  /** Messages that the indexer embeds. */
  readonly embedded: number
}

export const sizes = {
  full: {
    rounds: 3,
    milliseconds: 10_000,
    saturation: { streams: 20, tokens: 20_000 },
    pacedStreams: 50,
    answers: { connections: 10, times: 20 },
    firstTokens: { connections: 20, times: 10 },
    memoryStreams: 1_000,
    subscribers: [1, 10, 100, 1_000],
    search: { messages: 100_000, centres: 400, queries: 100, streams: 20, rounds: 7, embedded: 2_000 },
  },
  quick: {
    rounds: 1,
    milliseconds: 1_000,
    saturation: { streams: 5, tokens: 2_000 },
    pacedStreams: 20,
    answers: { connections: 3, times: 3 },
    firstTokens: { connections: 3, times: 3 },
    memoryStreams: 30,
    subscribers: [1, 10, 50],
    search: { messages: 2_000, centres: 10, queries: 12, streams: 5, rounds: 1, embedded: 10 },
  },
} as const satisfies Record<string, Size>

/** One line of the report. */
export interface Row {
  readonly measure: string
  readonly unit: string
  readonly parley: number
  /** null where the floor does nothing of the kind. */
  readonly floor: number | null
}

export interface Scenario {
  readonly name: string
  readonly title: (size: Size) => string
  readonly run: (house: House, size: Size) => Promise<readonly Row[]>
}

const saturation: Scenario = {
  name: 'saturation',
  title: ({ saturation: { streams, tokens } }) =>
    `Saturation: ${streams} answers of ${tokens} tokens at once, as fast as they are taken, from the questions to the ends`,
  async run(house, { rounds, saturation: { streams, tokens } }) {
    const measured = await compare(house, rounds, async ({ system, url, remote }) => {
      await house.load.call('open', { system, url, connections: streams })
      const end = await beginSpan(house, { system, url, remote })
      await house.load.call('start', { tokens, pace: 'saturate' })
      await house.load.call('finish', undefined)
      const span = await end()
      const all = streams * tokens
      return {
        cpu: span.cpuMicros / all,
        mainThreadCpu: span.mainThreadCpuMicros / all,
        rate: all / span.seconds,
        joined: all / span.messages,
        snapshots: span.snapshots,
      }
    })
    return [
      row('CPU a token', 'µs', measured, 'cpu'),
      row('of it in the main thread', 'µs', measured, 'mainThreadCpu'),
      row('tokens a second', '/s', measured, 'rate'),
      row('tokens a message', '', measured, 'joined'),
      row('messages lost to slowness', '', measured, 'snapshots'),
    ]
  },
}

const tokensPerSecond = 50

const paced: Scenario = {
  name: 'paced',
  title: ({ pacedStreams }) => `Paced: ${pacedStreams} answers at once, ${tokensPerSecond} tokens a second each`,
  async run(house, { rounds, milliseconds, pacedStreams }) {
    const measured = await compare(house, rounds, async (server) => {
      await house.load.call('open', { system: server.system, url: server.url, connections: pacedStreams })
      await house.load.call('start', { tokens: 1_000_000, pace: tokensPerSecond })
      const span = await spanOf(house, server, milliseconds)
      await endAnswers(house)
      return {
        cpu: span.cpuMicros / span.tokens,
        mainThreadCpu: span.mainThreadCpuMicros / span.tokens,
        rate: span.tokens / span.seconds,
        joined: span.tokens / span.messages,
        busy: busyPercent(span),
      }
    })
    return [
      row('CPU a token', 'µs', measured, 'cpu'),
      row('of it in the main thread', 'µs', measured, 'mainThreadCpu'),
      row('tokens a second', '/s', measured, 'rate'),
      row('tokens a message', '', measured, 'joined'),
      row('busy', '%', measured, 'busy'),
    ]
  },
}

const shortAnswer = { tokens: 10, pace: 'saturate' } as const

const answers: Scenario = {
  name: 'answers',
  title: ({ answers: { connections } }) =>
    `Short answers: ${connections} people ask again and again and get ${shortAnswer.tokens} tokens`,
  async run(house, { rounds, answers: { connections, times } }) {
    const measured = await compare(house, rounds, async (server) => {
      const { system, url } = server
      await house.load.call('open', { system, url, connections })
      const end = await beginSpan(house, server)
      await house.load.call('askRepeatedly', { prompt: shortAnswer, times, inTurn: false })
      const { cpuMicros, mainThreadCpuMicros, seconds } = await end()
      const all = connections * times
      return { cpu: cpuMicros / 1000 / all, mainThreadCpu: mainThreadCpuMicros / 1000 / all, rate: all / seconds }
    })
    return [
      row('CPU an answer', 'ms', measured, 'cpu'),
      row('of it in the main thread', 'ms', measured, 'mainThreadCpu'),
      row('answers a second', '/s', measured, 'rate'),
    ]
  },
}

const firstToken: Scenario = {
  name: 'first-token',
  title: () => 'First token: from the question to its arrival, the model answering at once, nothing else going on',
  async run(house, { rounds, firstTokens: { connections, times } }) {
    const ask = async ({ system, url }: Server, follow: boolean) => {
      await house.load.call('open', { system, url, connections, follow })
      const { firstTokenMs } = await house.load.call('askRepeatedly', { prompt: shortAnswer, times, inTurn: true })
      return { p50: percentile(firstTokenMs, 0.5), p99: percentile(firstTokenMs, 0.99) }
    }
    const subscribed = await compare(house, rounds, (server) => ask(server, true))
    const subscribing = await compare(house, rounds, (server) => ask(server, false))
    return [
      row('p50, already subscribed', 'ms', subscribed, 'p50'),
      row('p99, already subscribed', 'ms', subscribed, 'p99'),
      row('p50, subscribing after the question', 'ms', subscribing, 'p50'),
      row('p99, subscribing after the question', 'ms', subscribing, 'p99'),
    ]
  },
}

const memory: Scenario = {
  name: 'memory',
  title: ({ memoryStreams }) => `Memory: ${memoryStreams} open answers, a token a second each, garbage collected`,
  async run(house, { memoryStreams }) {
    const measured = await compare(house, 1, async ({ system }) => {
      await using server = await house.startServer(system)
      const { load } = house
      // What is made once, at the first answers, is nobody's stream.
      await load.call('open', { system, url: server.url, connections: 20 })
      await load.call('askRepeatedly', { prompt: shortAnswer, times: 5, inTurn: false })
      await load.call('close', undefined)
      const before = await server.remote.call('usageAfterCollection', undefined)
      await load.call('open', { system, url: server.url, connections: memoryStreams })
      await load.call('start', { tokens: 1_000_000, pace: 1 })
      await sleep(2_000)
      const during = await server.remote.call('usageAfterCollection', undefined)
      await endAnswers(house)
      return {
        before: before.rssBytes / 2 ** 20,
        rss: (during.rssBytes - before.rssBytes) / memoryStreams / 1024,
        heap: (during.heapBytes - before.heapBytes) / memoryStreams / 1024,
      }
    })
    return [
      row('RSS an open answer', 'KiB', measured, 'rss'),
      row('main heap an open answer', 'KiB', measured, 'heap'),
      row('RSS before', 'MiB', measured, 'before'),
    ]
  },
}

const watchers: Scenario = {
  name: 'watchers',
  title: () => 'Watchers: one answer with many subscribers; the next token comes when all have the last',
  async run(house, { rounds, milliseconds, subscribers }) {
    const rows: Row[] = []
    for (const count of subscribers) {
      const measured = await compare(house, rounds, async (server) => {
        const { system, url } = server
        await house.load.call('watch', { system, url, subscribers: count, grantPort: house.grantPort })
        const span = await spanOf(house, server, Math.min(milliseconds, 5_000))
        await house.upstream.call('stop', undefined)
        await house.load.call('close', undefined)
        return {
          rate: span.messages / span.seconds,
          cpu: span.cpuMicros / span.messages,
          busy: busyPercent(span),
        }
      })
      const name = `${count} ${count === 1 ? 'watcher' : 'watchers'}`
      rows.push(
        row(`${name}: deliveries`, '/s', measured, 'rate'),
        row(`${name}: CPU a delivery`, 'µs', measured, 'cpu'),
        row(`${name}: busy`, '%', measured, 'busy'),
      )
    }
    return rows
  },
}

export const scenarios: readonly Scenario[] = [
  saturation,
  kinds,
  paced,
  firstToken,
  answers,
  tools,
  memory,
  watchers,
  search,
]

/** Lets every answer end as it would have. */
export async function endAnswers({ upstream, load }: House): Promise<void> {
  await upstream.call('stop', undefined)
  await load.call('finish', undefined)
}

function row<Measured extends Figures>(
  measure: string,
  unit: string,
  { parley, floor }: Record<System, Measured>,
  figure: keyof Measured & string,
): Row {
  return { measure, unit, parley: parley[figure] ?? Number.NaN, floor: floor[figure] ?? Number.NaN }
}
