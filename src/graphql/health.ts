import { builder } from './builder.ts'

export const HealthRef = builder.enumType('Health', {
  description: 'How something outside is doing.',
  values: {
    HEALTHY: { description: 'It answers.' },
    DEGRADED: { description: 'It answers, and fails at times.' },
    UNAVAILABLE: { description: 'It does not answer.' },
    UNKNOWN: { description: 'It was not asked yet.' },
  } as const,
})
