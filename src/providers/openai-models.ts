import type { OpenAI } from 'openai'
import { isJsonObject } from '../platform/json.ts'
import { malformedError } from './failures.ts'
import { knownContextWindow } from './known-models.ts'
import type { ModelDescription } from './provider.ts'

/** The names under which compatible servers tell a model's context window; OpenAI tells none. */
const windowFields = ['context_window', 'context_length', 'max_model_len', 'max_context_length'] as const

/**
 * The models of `GET /models`. Throws a `ProviderError` where it is no list: the SDK's own `models.list` takes a page of
 * HTML for an empty one.
 */
export async function listOpenAIModels(client: OpenAI, signal: AbortSignal): Promise<readonly ModelDescription[]> {
  const body = await client.get<unknown>('/models', { signal })
  // Some compatible servers send the list alone.
  return toModelDescriptions(isJsonObject(body) ? body.data : body)
}

function toModelDescriptions(data: unknown): readonly ModelDescription[] {
  if (!Array.isArray(data)) throw malformedError('it is no list of models')
  return data.flatMap((model: Record<string, unknown> | null) => {
    if (typeof model?.id !== 'string' || model.id === '') return []
    const window = windowFields.map((field) => model[field]).find(Number.isInteger)
    return [
      {
        name: model.id,
        contextWindow: typeof window === 'number' && window > 0 ? window : knownContextWindow(model.id),
        seesImages: toldToSeeImages(model),
      },
    ]
  })
}

/** OpenRouter and servers like it tell what a model takes. */
function toldToSeeImages({ architecture }: Record<string, unknown>): boolean | undefined {
  const modalities = isJsonObject(architecture) ? architecture.input_modalities : undefined
  return Array.isArray(modalities) ? modalities.includes('image') : undefined
}

/** OpenAI lists everything that it has; what has another API of its own is told by its name alone. */
const noAnswers =
  /embedding|whisper|tts|dall-e|image|moderation|realtime|audio|transcribe|live|sora|davinci|babbage|-instruct|deep-research|computer-use/
/** Models that only the Responses API has. */
const responsesOnly = /codex|-pro\b/

export function isChatModel(name: string): boolean {
  return isResponsesModel(name) && !responsesOnly.test(name)
}

export function isResponsesModel(name: string): boolean {
  return !noAnswers.test(name)
}
