/** Tokens that a turn or a run took. `reasoningTokens` are among the output, `cachedInputTokens` among the input. */
export interface Usage {
  readonly inputTokens: number
  readonly outputTokens: number
  readonly reasoningTokens: number
  readonly cachedInputTokens: number
  /** True where the provider sent none, or not all, and tokens were counted here. */
  readonly estimated: boolean
}

export const noUsage: Usage = {
  inputTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  cachedInputTokens: 0,
  estimated: false,
}

export function addUsage(left: Usage, right: Usage): Usage {
  return {
    inputTokens: left.inputTokens + right.inputTokens,
    outputTokens: left.outputTokens + right.outputTokens,
    reasoningTokens: left.reasoningTokens + right.reasoningTokens,
    cachedInputTokens: left.cachedInputTokens + right.cachedInputTokens,
    estimated: left.estimated || right.estimated,
  }
}

/** More than any model reads or writes in a turn; what is above it was not counted. It fits the database many times. */
const maxTokens = 100_000_000

/** The counts as they can be stored and added up, whatever a provider sent: whole, and no detail above what it is of. */
export function soundUsage(usage: Usage): Usage {
  const inputTokens = soundCount(usage.inputTokens)
  const outputTokens = soundCount(usage.outputTokens)
  return {
    inputTokens,
    outputTokens,
    reasoningTokens: Math.min(soundCount(usage.reasoningTokens), outputTokens),
    cachedInputTokens: Math.min(soundCount(usage.cachedInputTokens), inputTokens),
    estimated: usage.estimated,
  }
}

function soundCount(count: number): number {
  return count > 0 ? Math.min(Math.round(count), maxTokens) : 0
}
