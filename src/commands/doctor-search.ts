import type { Config } from '../platform/config/schema.ts'
import { type Finding, fine, skipped } from './finding.ts'

/** What searches by meaning are made with, and what that cannot do. */
export function checkSearch({ search, embedding }: Config): Finding {
  return search.enabled
    ? fine('Search', describeSearch(embedding.model))
    : skipped('Search', 'switched off (search.enabled)')
}

/** What a person should know of searches by meaning. */
export function describeSearch(model: string): string {
  if (model !== 'offline') return `by words, and by meaning with ${model}`
  return 'by words, and by meaning in English (embedding.model: offline)'
}
