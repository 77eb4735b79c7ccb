import type { Model } from '@google/genai'
import { isJsonObject } from '../platform/json.ts'
import { malformedError } from './failures.ts'
import { count } from './gemini-chunk.ts'
import type { ModelDescription } from './provider.ts'

const maxPages = 20
const maxModels = 5_000
const pageSize = 1_000

/** What the API's own JSON says of a model; the SDK's client renames the actions. */
type ListedModel = Pick<Model, 'name' | 'inputTokenLimit'> & { readonly supportedGenerationMethods?: unknown }

/** Every model that can chat. `get` asks for a path below the API's version. */
export async function listGeminiModels(get: (path: string) => Promise<unknown>): Promise<readonly ModelDescription[]> {
  const models: ModelDescription[] = []
  let pageToken = ''
  for (let page = 0; page < maxPages && models.length < maxModels; page++) {
    const query = new URLSearchParams({ pageSize: `${pageSize}`, ...(pageToken === '' ? {} : { pageToken }) })
    const body = await get(`models?${query}`)
    if (!isJsonObject(body) || (body.models !== undefined && !Array.isArray(body.models)))
      throw malformedError('it is no list of models')
    models.push(...(body.models ?? []).filter(isJsonObject).flatMap(toModelDescription))
    const next = body.nextPageToken
    if (typeof next !== 'string' || next === '' || next === pageToken) break
    pageToken = next
  }
  return models.slice(0, maxModels)
}

function toModelDescription({
  name,
  inputTokenLimit,
  supportedGenerationMethods: methods,
}: ListedModel): readonly ModelDescription[] {
  if (typeof name !== 'string' || (Array.isArray(methods) && !methods.includes('generateContent'))) return []
  const ownName = name.replace(/^models\//, '')
  // The output has a limit of its own, beside that of the input: what may be sent is the input's.
  return ownName === '' ? [] : [{ name: ownName, contextWindow: count(inputTokenLimit) || null }]
}
