import type { GenerationOptions, OptionProblems } from './provider.ts'

const efforts = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max']
/** OpenAI's models that answer at once. */
const speaks = /^(?:ft:)?(?:gpt-[34]|chatgpt)|-chat/
const reasons = /^(?:ft:)?(?:o\d|gpt-5|codex)(?!.*-chat)/
/** Newer ones reason only where they are asked to, and take a temperature where they are not. */
const reasonsOnDemand = /^gpt-5\.\d+(?!.*(?:codex|pro))/

/** Whether a model may think before it answers, judged by its name alone: one that is not known may. */
export function mayReason(model: string): boolean {
  return !speaks.test(model.slice(model.lastIndexOf('/') + 1))
}

/**
 * What OpenAI's own API refuses (https://platform.openai.com/docs/guides/reasoning). What other servers' models can do
 * nobody knows.
 */
export function checkOpenAIOptions(
  model: string,
  { temperature, reasoningEffort }: GenerationOptions,
  official: boolean,
): OptionProblems {
  if (!official) return {}
  const problems: { -readonly [Option in keyof OptionProblems]: string } = {}
  if (temperature !== null && (temperature < 0 || temperature > 2)) problems.temperature = 'must be between 0 and 2.'
  if (reasoningEffort !== null && !efforts.includes(reasoningEffort))
    problems.reasoningEffort = `must be one of ${efforts.join(', ')}.`
  else if (reasoningEffort !== null && speaks.test(model))
    problems.reasoningEffort = 'cannot be chosen for this model, which does not reason.'
  const isFixed = reasons.test(model) && !(reasonsOnDemand.test(model) && (reasoningEffort ?? 'none') === 'none')
  if (temperature !== null && temperature !== 1 && isFixed)
    problems.temperature = 'cannot be chosen for this model, which reasons.'
  return problems
}
