import type { Viewer } from '../auth/viewer.ts'
import type { Database } from '../database/database.ts'
import type { PageRequest } from '../database/keyset.ts'
import type { Log } from '../platform/log.ts'
import type { Providers } from '../providers/registry.ts'
import { createEmbedders, type Embedders, type EmbeddersConfig } from './embedders.ts'
import { type IndexerOptions, keepIndexing } from './indexer.ts'
import { createPassagesLike, type PassagesLike } from './passages-like.ts'
import { PatternThreads } from './pattern-threads.ts'
import { createPgvectorIndex, hasPgvector } from './pgvector-index.ts'
import type { RankServices } from './rank.ts'
import { createLocalRegex, createServerRegex, patternBetweenSlashes } from './regex.ts'
import { SearchLimits } from './search-limits.ts'
import { type SearchRequest, type SearchResults, searchMessages } from './search-messages.ts'
import { createSignsIndex } from './signs-index.ts'
import { type SearchStatus, searchStatus } from './status.ts'
import type { VectorIndex } from './vector-index.ts'

export interface SearchOptions {
  readonly database: Database
  readonly providers: Providers
  readonly config: { readonly minSimilarity: number; readonly embedding: EmbeddersConfig }
  readonly log: Log
}

/** Search over what users have said and were told, and over their files. */
export interface Search extends AsyncDisposable {
  /** See `searchMessages`; RATE_LIMITED where too many of the viewer's searches wait. */
  find(viewer: Viewer, request: SearchRequest, page: PageRequest, signal: AbortSignal): Promise<SearchResults>
  /** See `PassagesLike`. */
  readonly passagesLike: PassagesLike
  status(): Promise<SearchStatus>
}

/** Opens it, and keeps what it finds up to date until it is disposed of. */
export async function openSearch(options: SearchOptions): Promise<Search> {
  await using resources = new AsyncDisposableStack()
  const parts = await openSearchParts(options)
  resources.use(parts.embedders)
  resources.use(keepIndexing(parts))
  const { database, config, log } = options
  const client = database.client
  const patterns = resources.use(new PatternThreads(log))
  const limits = new SearchLimits()
  const services: RankServices = {
    ...parts,
    searchRegex: (database.kind === 'embedded' ? createLocalRegex : createServerRegex)(client, patterns),
    patterns,
    minSimilarity: config.minSimilarity,
    log,
  }
  const held = resources.move()
  return {
    passagesLike: createPassagesLike(services),
    find: (viewer, request, page, signal) => {
      const { mode, query } = request
      const hasPattern = mode === 'REGEX' || (mode === 'HYBRID' && patternBetweenSlashes(query) !== null)
      const search = () => searchMessages(viewer, services, request, page, signal)
      return limits.run({ userId: viewer.id, hasPattern }, search, signal)
    },
    status: () => searchStatus(parts),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

/** What the index is made with; the embedders are to be disposed of. */
export async function openSearchParts({
  database,
  providers,
  config,
  log,
}: SearchOptions): Promise<IndexerOptions & { readonly embedders: Embedders }> {
  return {
    database: database.client,
    embedders: createEmbedders(config.embedding, providers),
    index: await openVectorIndex(database),
    log,
  }
}

async function openVectorIndex({ client, direct, kind }: Database): Promise<VectorIndex> {
  if (!(await hasPgvector(client))) return createSignsIndex(client)
  return createPgvectorIndex({ database: client, direct, isShared: kind === 'postgres' })
}
