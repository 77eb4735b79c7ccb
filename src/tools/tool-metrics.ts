import { Counter, Histogram, type Registry } from 'prom-client'

/** How a call ended. `invalid`: its arguments did not fit; `failed`: the tool said so, or threw. */
export type ToolOutcome = 'ok' | 'failed' | 'invalid' | 'timeout' | 'too-large' | 'aborted'

export interface ToolMetrics {
  ended(tool: string, outcome: ToolOutcome, durationMs: number): void
}

/** How many tools have figures of their own; the rest are `other`. */
const maxTools = 500

export function createToolMetrics(registry: Registry): ToolMetrics {
  const registers = [registry]
  const calls = new Counter({
    name: 'parley_tool_calls_total',
    help: 'Calls of tools that have ended, by outcome: ok, failed, invalid, timeout, too-large or aborted.',
    labelNames: ['tool', 'outcome'],
    registers,
  })
  const duration = new Histogram({
    name: 'parley_tool_call_seconds',
    help: 'How long calls of tools took.',
    labelNames: ['tool'],
    buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    registers,
  })
  const names = new Set<string>()
  return {
    ended(name, outcome, durationMs) {
      if (names.size < maxTools) names.add(name)
      const tool = names.has(name) ? name : 'other'
      calls.inc({ tool, outcome })
      duration.observe({ tool }, durationMs / 1000)
    },
  }
}
