import type { Usage } from '../providers/usage.ts'
import { builder } from './builder.ts'

export const UsageRef = builder.objectRef<Usage>('Usage').implement({
  description: 'Tokens that were used. `estimated`: the provider sent none, or not all, and tokens were counted here.',
  fields: (t) => ({
    inputTokens: t.exposeInt('inputTokens', { description: 'Tokens that the model read, cached ones included.' }),
    outputTokens: t.exposeInt('outputTokens', { description: 'Tokens that the model wrote, reasoning included.' }),
    totalTokens: t.int({
      description: 'Input and output together.',
      resolve: ({ inputTokens, outputTokens }) => inputTokens + outputTokens,
    }),
    reasoningTokens: t.exposeInt('reasoningTokens', { description: 'Output tokens that were reasoning.' }),
    cachedInputTokens: t.exposeInt('cachedInputTokens', { description: "Input tokens from the provider's cache." }),
    estimated: t.exposeBoolean('estimated', { description: 'Whether some of it was counted here.' }),
  }),
})

/** A run's usage, from its columns. */
export function usageOfRun(run: Omit<Usage, 'estimated'> & { readonly usageEstimated: boolean }): Usage {
  return { ...run, estimated: run.usageEstimated }
}
