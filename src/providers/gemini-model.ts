import type { ThinkingConfig } from '@google/genai'
import type { GenerationOptions, OptionProblems } from './provider.ts'

// What is known of a model by its name alone: the API tells no more of these things before it refuses.

/** How a model is told how much to think. `unknown`: by a level if at all, since that is what new models take. */
type Thinking = 'level' | 'budget' | 'none' | 'unknown'

const levels = ['minimal', 'low', 'medium', 'high']

/** In tokens (https://ai.google.dev/gemini-api/docs/thinking). */
const budgets: ReadonlyMap<string, number> = new Map([
  ['none', 0],
  ['low', 1_024],
  ['medium', 8_192],
  ['high', 24_576],
])

/** The model's path in the API. A name may be that path already, as for a tuned model. */
export function modelPath(model: string): string {
  const named = /^(models|tunedModels)\/([^/]+)$/.exec(model)
  return named ? `${named[1]}/${encodeURIComponent(named[2] ?? '')}` : `models/${encodeURIComponent(model)}`
}

/** Gemini 3 and later refuse a function call without the signature of the thoughts that led to it. */
export function insistsOnSignatures(model: string): boolean {
  return generationOf(model) >= 3
}

/** The models before Gemini that are still served take no instructions apart from the conversation. */
export function takesInstructions(model: string): boolean {
  return !/^gemma-[1-3]/.test(baseName(model))
}

/** null where the model does not think, or nobody knows and nothing is asked. */
export function toThinkingConfig(
  model: string,
  effort: string | null,
): Readonly<Partial<Record<keyof ThinkingConfig, unknown>>> | null {
  const thinking = thinkingOf(model)
  if (thinking === 'none' || (thinking === 'unknown' && effort === null)) return null
  if (effort === null) return { includeThoughts: true }
  if (thinking !== 'budget') return { includeThoughts: true, thinkingLevel: effort }
  const thinkingBudget = budgets.get(effort)
  return thinkingBudget === 0 ? { thinkingBudget } : { includeThoughts: true, thinkingBudget }
}

export function checkOptions(model: string, { temperature, reasoningEffort }: GenerationOptions): OptionProblems {
  const effortProblem = reasoningEffort === null ? null : checkEffort(model, reasoningEffort)
  return {
    ...(temperature === null || (temperature >= 0 && temperature <= 2)
      ? {}
      : { temperature: 'must be between 0 and 2.' }),
    ...(effortProblem === null ? {} : { reasoningEffort: effortProblem }),
  }
}

function checkEffort(model: string, effort: string): string | null {
  const thinking = thinkingOf(model)
  if (thinking === 'none') return 'cannot be chosen for this model, which does not reason.'
  const efforts = effortsOf(model, thinking)
  return efforts.includes(effort) ? null : `must be one of ${efforts.join(', ')} for this model.`
}

function effortsOf(model: string, thinking: Exclude<Thinking, 'none'>): readonly string[] {
  const isPro = /^gemini-[\d.]+-pro\b/.test(baseName(model))
  if (thinking === 'budget') return [...budgets.keys()].filter((effort) => effort !== 'none' || !isPro)
  // Pro models cannot think as little as that, and the first of them knew no middle.
  const isFirstPro = /^gemini-3-pro\b/.test(baseName(model))
  return levels.filter((level) => (level !== 'minimal' || !isPro) && (level !== 'medium' || !isFirstPro))
}

function thinkingOf(model: string): Thinking {
  const name = baseName(model)
  if (/^(?:gemma|learnlm)\b/.test(name) || /\b(?:tts|embedding|live)\b/.test(name)) return 'none'
  const generation = generationOf(model)
  if (generation >= 3) return 'level'
  if (generation >= 2.5) return /\bimage\b/.test(name) ? 'none' : 'budget'
  return generation > 0 ? 'none' : 'unknown'
}

/** 2.5 for `gemini-2.5-flash`; 0 where the name does not say. The names that end in `-latest` are of the newest. */
function generationOf(model: string): number {
  const name = baseName(model)
  if (/^gemini-(?:pro|flash|flash-lite)-latest$/.test(name)) return 3
  return Number(/^gemini-(\d+(?:\.\d+)?)\b/.exec(name)?.[1] ?? 0)
}

function baseName(model: string): string {
  return model.slice(model.lastIndexOf('/') + 1)
}
