import type { Config } from '../platform/config/schema.ts'
import { messageOf } from '../platform/errors.ts'
import type { Log } from '../platform/log.ts'
import { createProviders, type Providers } from '../providers/registry.ts'
import { createEmbedders, embeddingModel } from '../search/embedders.ts'
import { type Finding, failed, fine, skipped } from './finding.ts'

/** What searches by meaning are made with, what that cannot do, and whether it does it. */
export async function checkSearch(config: Config, log: Log, signal: AbortSignal): Promise<Finding[]> {
  const { search, embedding } = config
  if (!search.enabled) return [skipped('Search', 'switched off (search.enabled)')]
  await using providers = createProviders({ config, log })
  await using embedders = createEmbedders(embedding, providers)
  try {
    if (embedding.model !== 'offline') await embedders.current().embed(['Hello'], 'query', signal)
    return [fine('Search', describeSearch(embedding.model, providers))]
  } catch (error) {
    signal.throwIfAborted()
    const problem = `by words alone: ${messageOf(error)}`
    return [failed('Search', problem, 'configure the provider of embedding.model, or set it to offline')]
  }
}

/** What a person should know of searches by meaning. */
export function describeSearch(model: string, providers: Pick<Providers, 'resolveEmbedding'>): string {
  if (model === 'offline') return 'by words, and by meaning in English (embedding.model: offline)'
  try {
    embeddingModel(model, providers)
    return `by words, and by meaning with ${model}`
  } catch (error) {
    return `by words alone: ${messageOf(error)}`
  }
}
