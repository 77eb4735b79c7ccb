import { collectDefaultMetrics, Registry } from 'prom-client'

export interface Metrics {
  /** Where the parts of a server keep their figures. */
  readonly registry: Registry
  /** All of them, and the process's own, in Prometheus's text format. */
  read(): Promise<{ readonly contentType: string; readonly text: string }>
}

export function createMetrics(): Metrics {
  const registry = new Registry()
  const whole = [processRegistry(), registry]
  return {
    registry,
    async read() {
      const parts = await Promise.all(whole.map((part) => part.metrics()))
      return { contentType: registry.contentType, text: parts.join('\n') }
    },
  }
}

let shared: Registry | undefined

/** One a process, whoever asks: its collectors watch the process, and prom-client has no way to stop them. */
function processRegistry(): Registry {
  if (!shared) {
    shared = new Registry()
    collectDefaultMetrics({ register: shared })
  }
  return shared
}
