import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { newUlid } from '../src/platform/ids.ts'
import type { House, SearchPlace, Server } from './house.ts'
import { percentile } from './measure.ts'
import { endAnswers, type Row, type Scenario, type SearchSize } from './scenarios.ts'
import { type Mode, searchEach, statusOf } from './search-client.ts'
import { type Centre, embedCentres, fill } from './search-fill.ts'
import { patternsOf, queriesOf } from './search-texts.ts'

const modes: readonly Mode[] = ['FULL_TEXT', 'SEMANTIC', 'HYBRID', 'REGEX']
const tokensPerSecond = 50

export const search: Scenario = {
  name: 'search',
  title: ({ search: { messages, streams } }) =>
    `Search: ${messages} messages of one user; ${streams} answers at ${tokensPerSecond} tokens a second each beside it; nothing pinned`,
  async run(house, { search: size, milliseconds }) {
    using _unpinned = house.unpin()
    const centres = await embedCentres(size.centres)
    const measuring = { size, centres, milliseconds }
    const embedded = await onEmbedded((place) => measure(house, place, measuring))
    if (house.postgresUrl === null) return embedded
    // The offline model is as fast beside another database.
    const withoutEmbedding = { ...measuring, size: { ...size, embedded: 0 } }
    return [...embedded, ...(await onServer(house.postgresUrl, (place) => measure(house, place, withoutEmbedding)))]
  },
}

interface Measuring {
  readonly size: SearchSize
  readonly centres: readonly Centre[]
  readonly milliseconds: number
}

async function measure(house: House, place: SearchPlace, measuring: Measuring): Promise<Row[]> {
  const { size, centres } = measuring
  await fill({ place, centres, messages: size.messages, unindexed: size.embedded })
  await using server = await house.startServer('parley', place)
  const url = httpUrl(server)
  const { index } = await statusOf(url)
  const name = `${place.databaseUrl === null ? 'embedded' : 'server'}, ${index}`
  const row = (measured: string, unit: string, parley: number): Row => ({
    measure: `${name}: ${measured}`,
    unit,
    parley,
    floor: null,
  })
  const rows: Row[] = []
  if (size.embedded > 0) {
    const seconds = await untilIndexed(url)
    const what = `${size.embedded} messages, indexed and embedded by the offline model`
    rows.push(row(what, '/s', size.embedded / seconds))
  }
  const [warming = [], ...queries] = inParts(queriesOf(size.queries * 3), 3)
  for (const mode of modes) await searchEach({ url, mode, queries: asked(mode, warming), atOnce: 1 })
  const before = await server.remote.call('usageAfterCollection', undefined)

  for (const mode of modes) {
    for (const [part, atOnce] of [1, 4].entries()) {
      const texts = asked(mode, queries[part] ?? [])
      const from = await server.remote.call('usage', undefined)
      const { ms, found } = await searchEach({ url, mode, queries: texts, atOnce })
      const to = await server.remote.call('usage', undefined)
      if (found === 0) throw new Error(`${name}: nothing was found by ${mode}`)
      const how = atOnce === 1 ? mode : `${mode}, ${atOnce} at once`
      for (const share of [50, 95, 99]) rows.push(row(`${how}, p${share}`, 'ms', percentile(ms, share / 100)))
      if (atOnce === 1)
        rows.push(row(`${mode}, CPU a search`, 'ms', (to.cpuMicros - from.cpuMicros) / 1000 / texts.length))
    }
  }

  const { alone, beside, searchMs } = await streamsBeside(house, server, { ...measuring, queries: queries.flat() })
  rows.push(
    row('gap between deltas without searches, p99', 'ms', percentile(alone, 0.5)),
    row('gap between deltas beside searches, p99', 'ms', percentile(beside, 0.5)),
    row('HYBRID, beside streams, p95', 'ms', percentile(searchMs, 0.95)),
  )

  const after = await server.remote.call('usageAfterCollection', undefined)
  rows.push(
    row('RSS before the searches, warm', 'MiB', before.rssBytes / 2 ** 20),
    row('RSS after them', 'MiB', after.rssBytes / 2 ** 20),
  )
  return rows
}

/** Gaps of streams in rounds, each round's p99, and how long searches took; in turns, so that what else is done hits both alike. */
async function streamsBeside(
  house: House,
  server: Server,
  { size, milliseconds, queries }: Measuring & { readonly queries: readonly string[] },
): Promise<Record<'alone' | 'beside' | 'searchMs', readonly number[]>> {
  const url = httpUrl(server)
  const p99Of = async (act: () => Promise<unknown>) => {
    const gaps = await gapsBeside(house, server, size.streams, act)
    await untilIndexed(url)
    return percentile(gaps, 0.99)
  }
  const idle = () => sleep(milliseconds)
  const searchMs: number[] = []
  const searching = async () => searchMs.push(...(await searchFor(url, queries, milliseconds)))
  // What a server does for the first time, it does slowly.
  await p99Of(idle)
  await p99Of(() => searchFor(url, queries, milliseconds))
  const alone: number[] = []
  const beside: number[] = []
  for (let round = 0; round < size.rounds; round++) {
    alone.push(await p99Of(idle))
    beside.push(await p99Of(searching))
  }
  return { alone, beside, searchMs }
}

/** One search after the other, by `HYBRID`; how long each took, in milliseconds. */
async function searchFor(url: string, queries: readonly string[], milliseconds: number): Promise<readonly number[]> {
  const end = AbortSignal.timeout(milliseconds)
  const all: number[] = []
  while (!end.aborted) all.push(...(await searchEach({ url, mode: 'HYBRID', queries, atOnce: 1 }, end)).ms)
  return all
}

/** How long clients wait between two messages of an answer that flows, while something else is done. */
async function gapsBeside(
  house: House,
  { system, url }: Server,
  streams: number,
  act: () => Promise<unknown>,
): Promise<readonly number[]> {
  await house.load.call('open', { system, url, connections: streams })
  await house.load.call('start', { tokens: 1_000_000, pace: tokensPerSecond })
  await sleep(1_000)
  await house.load.call('startGaps', undefined)
  await act()
  const { gapMs } = await house.load.call('stopGaps', undefined)
  await endAnswers(house)
  return gapMs
}

/** Returns when all that was said is indexed and embedded, and how many seconds that took. */
async function untilIndexed(url: string): Promise<number> {
  const startedAt = performance.now()
  for (;;) {
    const { passages, embedded, pendingMessages } = await statusOf(url)
    if (pendingMessages === 0 && embedded === passages) return (performance.now() - startedAt) / 1000
    await sleep(100)
  }
}

async function onEmbedded<Result>(use: (place: SearchPlace) => Promise<Result>): Promise<Result> {
  const dataDir = await mkdtemp(join(tmpdir(), 'parley-bench-'))
  try {
    return await use({ dataDir, databaseUrl: null })
  } finally {
    await rm(dataDir, { recursive: true, force: true })
  }
}

/** In a database of its own, which is dropped. */
async function onServer<Result>(url: string, use: (place: SearchPlace) => Promise<Result>): Promise<Result> {
  const name = `parley_bench_${newUlid()}`
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(`CREATE DATABASE "${name}"`)
    const databaseUrl = new URL(url)
    databaseUrl.pathname = name
    return await onEmbedded(({ dataDir }) => use({ dataDir, databaseUrl: databaseUrl.href }))
  } finally {
    await client.query(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`)
    await client.end()
  }
}

function asked(mode: Mode, queries: readonly string[]): readonly string[] {
  return mode === 'REGEX' ? patternsOf(Math.ceil(queries.length / 10)) : queries
}

function inParts<Item>(items: readonly Item[], count: number): readonly (readonly Item[])[] {
  return Array.from({ length: count }, (_, part) => items.filter((_, index) => index % count === part))
}

function httpUrl({ url }: Server): string {
  return url.replace(/^ws/, 'http')
}
