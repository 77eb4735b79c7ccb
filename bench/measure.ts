import { setTimeout as sleep } from 'node:timers/promises'
import type { System, Tally } from './chat-client.ts'
import type { House, Server } from './house.ts'
import type { ProcessUsage } from './usage.ts'

/** Numbers of one measurement, by what they measure. */
export type Figures = Readonly<Record<string, number>>

/** What happened in a server and before its clients between two moments. */
export interface Span extends Tally {
  readonly seconds: number
  readonly cpuMicros: number
  readonly mainThreadCpuMicros: number
}

interface Moment {
  readonly at: number
  readonly usage: ProcessUsage
  readonly tally: Tally
}

/** Begins to measure; what comes back ends it. */
export async function beginSpan(house: House, server: Server): Promise<() => Promise<Span>> {
  const from = await moment(house, server)
  return async () => {
    const to = await moment(house, server)
    return {
      seconds: (to.at - from.at) / 1000,
      cpuMicros: to.usage.cpuMicros - from.usage.cpuMicros,
      mainThreadCpuMicros: to.usage.mainThreadCpuMicros - from.usage.mainThreadCpuMicros,
      tokens: to.tally.tokens - from.tally.tokens,
      messages: to.tally.messages - from.tally.messages,
      snapshots: to.tally.snapshots - from.tally.snapshots,
    }
  }
}

/** What happens in a time, after another in which the code gets warm and the streams get going. */
export async function spanOf(house: House, server: Server, milliseconds: number): Promise<Span> {
  await sleep(Math.min(1_000, milliseconds / 2))
  const end = await beginSpan(house, server)
  await sleep(milliseconds)
  return end()
}

async function moment({ load }: House, { remote }: Server): Promise<Moment> {
  const [usage, tally] = await Promise.all([remote.call('usage', undefined), load.call('tally', undefined)])
  return { at: performance.now(), usage, tally }
}

/** The share of one core that a server was busy, in percent. */
export function busyPercent({ cpuMicros, seconds }: Span): number {
  return cpuMicros / seconds / 10_000
}

/** Measures the systems in turn, so that what else the machine does hits both alike, and gives each figure's median. */
export async function compare<Measured extends Figures>(
  { parley, floor }: House,
  rounds: number,
  measure: (server: Server) => Promise<Measured>,
): Promise<Record<System, Measured>> {
  const measured: Record<System, Measured[]> = { parley: [], floor: [] }
  for (let round = 0; round < rounds; round++) {
    for (const server of round % 2 === 0 ? [parley, floor] : [floor, parley])
      measured[server.system].push(await measure(server))
  }
  return { parley: medians(measured.parley), floor: medians(measured.floor) }
}

function medians<Measured extends Figures>(all: readonly Measured[]): Measured {
  const names = Object.keys(all[0] ?? {})
  const median = (name: string) =>
    percentile(
      all.map((figures) => figures[name] ?? Number.NaN),
      0.5,
    )
  return Object.fromEntries(names.map((name) => [name, median(name)])) as Measured
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
