import { badInput, RequestError } from '../platform/errors.ts'
import { cleanText } from '../platform/text.ts'
import type { SearchFilters } from '../search/scope.ts'
import type { Search } from '../search/search.ts'
import type { SearchResult, SearchResults } from '../search/search-messages.ts'
import type { SearchStatus } from '../search/status.ts'
import { builder } from './builder.ts'
import { connectionComplexity, pageOfEdges, pageRequest } from './connections.ts'
import { type Context, requireViewer } from './context.ts'
import { connectionDescriptions } from './descriptions.ts'
import { MessageRef, RoleRef } from './message.ts'
import { ThreadRef } from './thread.ts'

const maxQueryLength = 2_000
/** What a search costs beside what it finds: an embedding, and a look at many rows. An operation holds but a few. */
const searchCost = 2_000
/** Counts passages. */
const statusCost = 50

const SearchModeRef = builder.enumType('SearchMode', {
  description: 'How is searched.',
  values: {
    HYBRID: {
      description:
        'All ways, joined by reciprocal rank fusion. A query between slashes that is a valid pattern also matches as one.',
    },
    SEMANTIC: { description: 'By what is meant. The score is the cosine similarity.' },
    FULL_TEXT: {
      description: 'By words, which must all be there: `"a phrase"`, `or` and `-not` as in a web search.',
    },
    REGEX: { description: "By a regular expression in RE2's syntax, whatever the case. The score is 1." },
  } as const,
})

const SearchResultRef = builder.objectRef<SearchResult>('SearchResult').implement({
  description: 'A message that was found.',
  fields: (t) => ({
    thread: t.expose('thread', { type: ThreadRef, description: 'The thread that it is in.' }),
    message: t.expose('message', {
      type: MessageRef,
      description: "The message: give its id as `branch`'s `leafId` to open the branch that it is on.",
    }),
    score: t.exposeFloat('score', { description: 'How well it fits, 0 to 1; comparable within one mode only.' }),
    snippet: t.exposeString('snippet', {
      description:
        'What was found, as HTML: escaped, with what matched in `<mark>`. It may be of a file of the message.',
    }),
  }),
})

type ResultEdge = ReturnType<typeof pageOfEdges<SearchResult>>['edges'][number]
type ResultConnection = ReturnType<typeof toConnection>

const SearchResultEdgeRef = builder.objectRef<ResultEdge>('SearchResultEdge').implement({
  description: 'A result in its place in the list.',
  fields: (t) => ({
    cursor: t.exposeString('cursor', { description: connectionDescriptions.cursorFieldOptions.description }),
    node: t.expose('node', {
      type: SearchResultRef,
      description: connectionDescriptions.nodeFieldOptions.description,
    }),
  }),
})

// Not the relay plugin's, whose connections all have a count.
const SearchResultConnectionRef = builder.objectRef<ResultConnection>('SearchResultConnection').implement({
  description: 'A page of what was found.',
  fields: (t) => ({
    edges: t.expose('edges', {
      type: [SearchResultEdgeRef],
      description: connectionDescriptions.edgesFieldOptions.description,
      complexity: connectionDescriptions.edgesFieldOptions.complexity,
    }),
    nodes: t.field({
      type: [SearchResultRef],
      description: connectionDescriptions.nodesOnConnection.description,
      complexity: connectionDescriptions.nodesOnConnection.complexity,
      resolve: ({ edges }) => edges.map(({ node }) => node),
    }),
    pageInfo: t.expose('pageInfo', {
      type: builder.pageInfoRef(),
      description: connectionDescriptions.pageInfoFieldOptions.description,
    }),
    totalCount: t.exposeInt('totalCount', {
      description: 'How many there are on all pages together; null where counting would mean scoring everything.',
      nullable: true,
    }),
  }),
})

builder.queryField('search', (t) =>
  t.field({
    type: SearchResultConnectionRef,
    description:
      "The caller's messages, and the files of them, that fit the query, best first; deleted threads are not searched. PROVIDER_UNAVAILABLE where search is switched off, RATE_LIMITED where too many of the caller's searches wait.",
    complexity: (args) => ({ ...connectionComplexity(args), field: searchCost }),
    args: {
      query: t.arg.string({ required: true, description: 'What is searched for; at most 2,000 characters.' }),
      mode: t.arg({ type: SearchModeRef, defaultValue: 'HYBRID', description: 'How.' }),
      modelId: t.arg.id({ description: 'Only what this model wrote, or was asked.' }),
      threadId: t.arg.id({ description: 'Only in this thread.' }),
      role: t.arg({ type: RoleRef, description: 'Only what was said by such; stored messages are USER or ASSISTANT.' }),
      createdAfter: t.arg({ type: 'DateTime', description: 'Only messages from this moment on, itself included.' }),
      createdBefore: t.arg({ type: 'DateTime', description: 'Only messages before this moment, itself excluded.' }),
      minScore: t.arg.float({ description: 'Only what fits at least so well, 0 to 1.' }),
      groupByThread: t.arg.boolean({ defaultValue: false, description: 'Only the best of each thread.' }),
      ...t.arg.connectionArgs(),
    },
    resolve: async (_root, args, context) => {
      const { query, mode, minScore, groupByThread } = args
      const request = {
        query: checkedQuery(query),
        mode: mode ?? 'HYBRID',
        filters: checkedFilters(args),
        minScore: checkedScore(minScore ?? null),
        groupByThread: groupByThread ?? false,
      }
      const page = pageRequest('search', args)
      const search = requireSearch(context)
      const viewer = requireViewer(context)
      return toConnection(await together(context, (signal) => search.find(viewer, request, page, signal)))
    },
  }),
)

const SearchStatusRef = builder.objectRef<SearchStatus>('SearchStatus').implement({
  description: 'How far search is with what is said, over all users.',
  fields: (t) => ({
    modelId: t.exposeString('modelId', { description: 'What texts are embedded with.' }),
    isEnglishOnly: t.exposeBoolean('isEnglishOnly', {
      description: 'Whether that is the offline model, which knows what is meant in English only.',
    }),
    index: t.exposeString('index', { description: 'How near vectors are found: `pgvector` or `signs`.' }),
    passages: t.exposeInt('passages', { description: 'Pieces of messages and files that can be found.' }),
    embedded: t.exposeInt('embedded', { description: "Of these, those with this model's vector." }),
    refused: t.exposeInt('refused', { description: 'Of these, those that the model does not take.' }),
    pendingMessages: t.exposeInt('pendingMessages', { description: 'Messages that are still to be indexed.' }),
  }),
})

builder.queryField('searchStatus', (t) =>
  t.field({
    type: SearchStatusRef,
    description: 'How far search is with what is said. PROVIDER_UNAVAILABLE where search is switched off.',
    complexity: statusCost,
    resolve: (_root, _args, context) => requireSearch(context).status(),
  }),
)

const endings = new WeakMap<Context, AbortController>()

/** One that fails takes its operation's whole answer with it: nobody waits for the others any more. */
async function together<Result>(context: Context, search: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
  const ending = endings.get(context) ?? new AbortController()
  endings.set(context, ending)
  try {
    return await search(AbortSignal.any([context.signal, ending.signal]))
  } catch (error) {
    ending.abort(error)
    throw error
  }
}

function requireSearch({ services: { search } }: Context): Search {
  if (search === null) throw new RequestError('PROVIDER_UNAVAILABLE', 'Search is switched off (search.enabled).')
  return search
}

function checkedQuery(query: string): string {
  const clean = cleanText('query', query, maxQueryLength)
  if (clean.trim() === '') throw badInput('query', 'must not be empty.')
  return clean
}

/** What the arguments say of the filters, whose null is that they are left out. */
type FilterArgs = { readonly [Name in keyof SearchFilters]?: SearchFilters[Name] | undefined }

function checkedFilters({ modelId, threadId, role, createdAfter, createdBefore }: FilterArgs): SearchFilters {
  if (createdAfter && createdBefore && createdAfter > createdBefore) {
    throw badInput('createdAfter', 'must not be after createdBefore.')
  }
  return {
    modelId: modelId ?? null,
    threadId: threadId ?? null,
    role: role ?? null,
    createdAfter: createdAfter ?? null,
    createdBefore: createdBefore ?? null,
  }
}

function checkedScore(score: number | null): number | null {
  if (score !== null && !(score >= 0 && score <= 1)) throw badInput('minScore', 'must be 0 to 1.')
  return score
}

function toConnection({ totalCount, ...page }: SearchResults) {
  return { ...pageOfEdges('search', page, ({ key }) => key), totalCount }
}
