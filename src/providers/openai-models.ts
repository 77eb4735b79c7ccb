import { malformedError } from './openai-errors.ts'
import type { ModelDescription } from './provider.ts'

/** The names under which compatible servers tell a model's context window; OpenAI tells none. */
const windowFields = ['context_window', 'context_length', 'max_model_len', 'max_context_length'] as const

/** The `data` of `GET /models`. Throws a `ProviderError` where it is no list. */
export function toModelDescriptions(data: unknown): readonly ModelDescription[] {
  if (!Array.isArray(data)) throw malformedError('it is no list of models')
  return data.flatMap((model: Record<string, unknown> | null) => {
    if (typeof model?.id !== 'string' || model.id === '') return []
    const window = windowFields.map((field) => model[field]).find(Number.isInteger)
    return [{ name: model.id, contextWindow: typeof window === 'number' && window > 0 ? window : null }]
  })
}

/** OpenAI lists everything that it has; what has another API of its own is told by its name alone. */
export function isChatModel(name: string): boolean {
  return !/embedding|whisper|tts|dall-e|image|moderation|realtime|audio|transcribe|live|sora|davinci|babbage|-instruct|codex|-pro\b|deep-research|computer-use/.test(
    name,
  )
}
