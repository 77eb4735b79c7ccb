import { execFileSync } from 'node:child_process'
import { cpus, loadavg, release, totalmem, type } from 'node:os'
import type { Row } from './scenarios.ts'

/** What a reader must know of the machine to make something of the figures. */
export interface Machine {
  readonly processor: string
  readonly cores: number
  readonly memoryGiB: number
  readonly system: string
  readonly node: string
  readonly commit: string
}

export interface Section {
  readonly name: string
  readonly title: string
  readonly rows: readonly Row[]
  /** The load average over a minute, when the section was measured: above 2 or so, others were at work. */
  readonly load: number
}

export function describeMachine(): Machine {
  const [processor] = cpus()
  return {
    processor: processor?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
    node: process.version,
    commit: commit(),
  }
}

function commit(): string {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8', timeout: 5_000 }).trim()
  } catch {
    return 'unknown'
  }
}

export function currentLoad(): number {
  return loadavg()[0] ?? Number.NaN
}

/** A table in Markdown, readable as it is. */
export function formatSection({ title, rows, load }: Section): string {
  const cells = [
    ['', 'Parley', 'floor', 'unit'],
    ...rows.map(({ measure, unit, parley, floor }) => [
      measure,
      formatNumber(parley),
      floor === null ? '' : formatNumber(floor),
      unit,
    ]),
  ]
  const widths = [0, 1, 2, 3].map((column) => Math.max(3, ...cells.map((line) => line[column]?.length ?? 0)))
  const pad = (text: string, column: number) =>
    column === 1 || column === 2 ? text.padStart(widths[column] ?? 0) : text.padEnd(widths[column] ?? 0)
  const [head = [], ...body] = cells.map((line) => `| ${line.map(pad).join(' | ')} |`)
  const rule = `| ${widths.map((width, column) => (column === 1 || column === 2 ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width))).join(' | ')} |`
  return [`${title} (load average ${load.toFixed(1)})`, '', head, rule, ...body, ''].join('\n')
}

function formatNumber(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}
