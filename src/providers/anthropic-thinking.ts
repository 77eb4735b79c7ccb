import type { Anthropic } from '@anthropic-ai/sdk'
import { type ModelTraits, traitsOf } from './anthropic-traits.ts'
import type { GenerationOptions, OptionProblems } from './provider.ts'

type Thinking = Anthropic.Beta.BetaThinkingConfigParam

/** What a request needs for `thinking.block_binding`. */
export const blockBindingBeta = 'thinking-binding-controls-2026-08-01'

/** The least that the API takes as a budget, in tokens. */
const minBudget = 1_024

/** Tokens to think with, for models that take no effort. */
const budgets: Readonly<Record<string, number>> = {
  low: 4_096,
  medium: 12_288,
  high: 24_576,
  xhigh: 32_000,
  max: 32_000,
}

export function isForced(toolChoice: string | null): boolean {
  return toolChoice !== null && toolChoice !== 'auto' && toolChoice !== 'none'
}

/** The words that a model takes as `reasoningEffort`. */
function effortsOf({ thinking, efforts, thinkingOff }: ModelTraits): readonly string[] {
  if (thinking === 'none') return ['none']
  return [...(thinkingOff === null ? [] : ['none']), ...(thinking === 'budget' ? Object.keys(budgets) : efforts)]
}

/** What the model is told of its thinking; undefined where nothing need be said. */
export function toThinking(
  traits: ModelTraits,
  { reasoningEffort }: GenerationOptions,
  request: { maxTokens: number; isForced: boolean; canBudget: boolean; hasThinking: boolean },
): Thinking | undefined {
  const off: Thinking | undefined =
    traits.thinkingOff === null || traits.thinkingOff === 'omit' ? undefined : { type: traits.thinkingOff }
  if (traits.thinking === 'none') return undefined
  if (reasoningEffort === 'none') return off
  if (reasoningEffort === null && !traits.thinksByDefault) return undefined
  if (request.isForced && traits.takesForcedTools) return off
  if (traits.thinking === 'budget') {
    const wanted = budgets[reasoningEffort ?? ''] ?? minBudget
    // Some of the output is for the answer.
    const budget = Math.max(minBudget, Math.min(wanted, Math.floor(request.maxTokens * 0.8)))
    return budget < request.maxTokens && request.canBudget ? { type: 'enabled', budget_tokens: budget } : undefined
  }
  return {
    type: 'adaptive',
    // Later models keep their thinking to themselves, and what they say between tool calls with it.
    ...(traits.efforts.includes('xhigh') ? { display: 'summarized' as const } : {}),
    // A thread may be cut, edited, or given other tools: then the model has to do without what it thought before.
    ...(traits.bindsThinking && request.hasThinking
      ? { block_binding: { prefix_mismatch_behavior: 'drop_block' as const } }
      : {}),
  }
}

/** The effort that is asked of a model which knows efforts; null where none is. */
export function effortOf(
  { thinking }: ModelTraits,
  { reasoningEffort }: GenerationOptions,
): NonNullable<Anthropic.OutputConfig['effort']> | null {
  if (thinking !== 'adaptive' || reasoningEffort === null || reasoningEffort === 'none') return null
  // Checked by `checkOptions`; what slips through is refused by the API, in its own words.
  return reasoningEffort as NonNullable<Anthropic.OutputConfig['effort']>
}

/** What the model cannot do of what is asked; see `Provider.checkOptions`. */
export function checkOptions(model: string, options: GenerationOptions): OptionProblems {
  const traits = traitsOf(model)
  const { temperature, maxOutputTokens, toolChoice, reasoningEffort } = options
  const efforts = effortsOf(traits)
  const isThinking = reasoningEffort !== null && reasoningEffort !== 'none'
  const problems: { -readonly [Option in keyof OptionProblems]: string } = {}
  if (temperature !== null && (temperature < 0 || temperature > 1)) problems.temperature = 'must be between 0 and 1.'
  else if (temperature !== null && temperature !== 1 && !traits.takesTemperature)
    problems.temperature = 'cannot be chosen for this model.'
  else if (temperature !== null && temperature !== 1 && isThinking)
    problems.temperature = 'cannot be chosen together with reasoningEffort.'
  if (reasoningEffort !== null && !efforts.includes(reasoningEffort))
    problems.reasoningEffort =
      traits.thinking === 'none'
        ? 'cannot be chosen for this model, which does not reason.'
        : `must be one of ${efforts.join(', ')} for this model.`
  else if (isThinking && traits.thinking === 'budget' && maxOutputTokens !== null && maxOutputTokens <= minBudget)
    problems.maxOutputTokens = `must be above ${minBudget} together with reasoningEffort.`
  if (isForced(toolChoice) && !traits.takesForcedTools)
    problems.toolChoice = 'must be auto or none for this model, which always decides by itself.'
  else if (isForced(toolChoice) && isThinking)
    problems.toolChoice = 'must be auto or none together with reasoningEffort.'
  return problems
}
