import { isJsonObject } from '../platform/json.ts'
import type { AnthropicClient } from './anthropic-client.ts'
import { malformedError } from './failures.ts'
import type { ModelDescription } from './provider.ts'

const maxPages = 20
const pageSize = 250

/** The window of a Claude model whose own nobody tells, in tokens. */
const claudeWindow = 200_000

/** The models of `GET /v1/models`, page after page. Throws a `ProviderError` where it is no list. */
export async function listModels(client: AnthropicClient, signal: AbortSignal): Promise<readonly ModelDescription[]> {
  const models: ModelDescription[] = []
  let after: string | undefined
  for (let count = 1; ; count++) {
    const query = { limit: pageSize, ...(after === undefined ? {} : { after_id: after }) }
    // The SDK's own `models.list` takes a page of HTML for an empty list.
    const page = await client.get<unknown>('/v1/models', { query, signal })
    if (!isJsonObject(page)) throw malformedError('it is no list of models')
    models.push(...toModelDescriptions(page.data))
    if (count === maxPages || page.has_more !== true || typeof page.last_id !== 'string') return models
    after = page.last_id
  }
}

function toModelDescriptions(data: unknown): readonly ModelDescription[] {
  if (!Array.isArray(data)) throw malformedError('it is no list of models')
  return data.flatMap((model: Record<string, unknown> | null) => {
    if (typeof model?.id !== 'string' || model.id === '' || model.lifecycle === 'retired') return []
    const window = model.max_input_tokens
    const fallback = model.id.includes('claude-') ? claudeWindow : null
    const isKnown = typeof window === 'number' && Number.isInteger(window) && window > 0
    return [{ name: model.id, contextWindow: isKnown ? window : fallback }]
  })
}
