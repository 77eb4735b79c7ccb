import type { ServerResponse } from 'node:http'
import { EnvelopArmor } from '@escape.tech/graphql-armor'
import { useCSRFPrevention } from '@graphql-yoga/plugin-csrf-prevention'
import { type ExecutionArgs, type ExecutionResult, execute } from 'graphql'
import { createGraphQLError, type Plugin, type YogaServerOptions } from 'graphql-yoga'
import { checkComplexity } from '../graphql/complexity.ts'
import { bodyLimit } from './body-limit.ts'
import { createSubscribe } from './delivery.ts'
import { parseWithin } from './document-limits.ts'
import { toClientError, toClientResult, toHttpResult } from './errors.ts'
import type { LiveSessions, SessionEnd } from './live-sessions.ts'
import type { CreateContext, Operation } from './operation.ts'
import { eventStream, eventStreamHeaders, singleEvent } from './sse.ts'
import type { PipelineOptions } from './yoga.ts'

type PipelinePlugin = Plugin<object, Operation>
type Plugins = NonNullable<YogaServerOptions<Operation, object>['plugins']>

export interface OperationLimits {
  readonly maxDepth: number
  readonly maxAliases: number
  readonly maxTokens: number
  readonly maxDirectives: number
  /** What an operation may cost, as the schema counts it. */
  readonly maxComplexity: number
}

/** What stands between a transport and the schema, in order. Every transport goes through it. */
export function createPlugins({
  limits,
  createContext,
  countOperation,
  strangers,
  eventStreams,
  liveSessions,
}: Omit<PipelineOptions, 'schema' | 'path'>): PipelinePlugin[] {
  return [
    strangers.plugin,
    ...documentLimits(limits),
    parsing(),
    csrfPrevention(),
    bodyLimit(limits),
    reading(),
    execution({ createContext, countOperation, limits }),
    httpResults(eventStreams, liveSessions),
  ]
}

/**
 * Whoever has signed in may introspect the schema, so suggestions tell them nothing new (nobody else gets any, see
 * `toClientError`); cost is counted by the schema itself.
 * Armor ignores what is below `__schema`: there, graphql's own rule against nested lists holds.
 */
function documentLimits({ maxDepth, maxAliases, maxTokens, maxDirectives }: OperationLimits): Plugins {
  return new EnvelopArmor({
    maxTokens: { n: maxTokens },
    maxDepth: { n: maxDepth, flattenFragments: true },
    // Its own list would let `__typename` be asked for under any number of names.
    maxAliases: { n: maxAliases, allowList: [] },
    maxDirectives: { n: maxDirectives },
    costLimit: { enabled: false },
    blockFieldSuggestion: { enabled: false },
  }).protect().plugins
}

/** What no rule can refuse in time; it stands behind Armor's own parser, which counts tokens. */
function parsing(): PipelinePlugin {
  return {
    onParse({ parseFn, setParseFn }) {
      setParseFn((source, options) => parseWithin(parseFn, source, options))
    },
  }
}

/** Yoga's own parsers let some of what is wrong with a request pass for a fault of the server. */
function reading(): PipelinePlugin {
  return {
    onRequestParse({ requestParser, setRequestParser }) {
      if (!requestParser) return
      setRequestParser(async (request) => {
        try {
          return await requestParser(request)
        } catch (error) {
          if (error instanceof SyntaxError) throw malformed('Something in the request is no JSON, and should be.')
          if (error instanceof TypeError) throw malformed('The parts of the request do not fit together.')
          throw error
        }
      })
    },
  }
}

function malformed(problem: string): Error {
  return createGraphQLError(problem, { extensions: { code: 'BAD_USER_INPUT', http: { status: 400 } } })
}

/**
 * A form of another site can POST anything but JSON without the browser asking first; a header of its own it cannot
 * set. GET needs none of this: it executes no mutations, and EventSource could set no header.
 */
function csrfPrevention(): PipelinePlugin {
  const { onRequestParse } = useCSRFPrevention({ requestHeaders: ['x-graphql-yoga-csrf', 'apollo-require-preflight'] })
  return {
    onRequestParse(payload) {
      if (payload.request.method !== 'POST') return undefined
      try {
        return onRequestParse?.(payload)
      } catch {
        throw createGraphQLError(
          'Send `content-type: application/json`, or, with a form, the header `x-graphql-yoga-csrf`.',
          { extensions: { code: 'FORBIDDEN', http: { status: 403 } } },
        )
      }
    },
  }
}

/** Executes with a context of the schema's own, made anew each time, and translates the errors. */
function execution({
  createContext,
  countOperation,
  limits: { maxComplexity },
}: Pick<PipelineOptions, 'createContext' | 'countOperation' | 'limits'>): PipelinePlugin {
  const subscribe = createSubscribe(createContext)
  const affordable =
    <Result>(act: (args: ExecutionArgs) => Promise<Result>) =>
    async (args: ExecutionArgs): Promise<Result | ExecutionResult> => {
      const operation = args.contextValue as Operation
      try {
        if (operation.viewer) await countOperation?.(operation.viewer)
        checkComplexity(args, maxComplexity)
      } catch (error) {
        return { errors: [toClientError(error, operation)] }
      }
      return act(args)
    }
  const executeAffordable = affordable((args) => executeOperation(args, createContext))
  const subscribeAffordable = affordable(subscribe)
  return {
    onExecute: ({ setExecuteFn }) => setExecuteFn(executeAffordable),
    onSubscribe: ({ setSubscribeFn }) => setSubscribeFn(subscribeAffordable),
  }
}

async function executeOperation(args: ExecutionArgs, createContext: CreateContext): Promise<ExecutionResult> {
  const operation = args.contextValue as Operation
  const startedAt = performance.now()
  const result = await execute({ ...args, contextValue: createContext(operation) })
  const durationMs = Math.round(performance.now() - startedAt)
  const line = { operation: args.operationName ?? null, transport: operation.transport, durationMs }
  const translated = toClientResult(result, operation)
  if (translated.errors) operation.log.info({ ...line, errors: summary(translated) }, 'operation with errors')
  else operation.log.debug(line, 'operation')
  return translated
}

/** The last step of HTTP: errors from before the execution are translated too, and streams become server-sent events. */
function httpResults(eventStreams: Set<ServerResponse>, liveSessions: LiveSessions): PipelinePlugin {
  return {
    onResultProcess({ request, result, setResult, setResultProcessor, serverContext: operation }) {
      const { res, session } = operation
      const accepted = request.headers.get('accept') ?? '*/*'
      if (Symbol.asyncIterator in result) {
        if (!res || !/text\/event-stream|\*\/\*/.test(accepted)) {
          // Yoga will answer 406.
          void result[Symbol.asyncIterator]().return?.()
          return
        }
        eventStreams.add(res)
        res.once('close', () => eventStreams.delete(res))
        setResultProcessor((_, { Response }) => {
          const watch = (end: (why: SessionEnd) => void) => (session ? liveSessions.watch(session, end) : null)
          return new Response(eventStream(result, res, operation, watch), { headers: eventStreamHeaders() })
        }, 'text/event-stream')
        return
      }
      if (Array.isArray(result)) return
      const translated = toHttpResult(result, operation)
      if (translated.errors && !('data' in translated)) {
        operation.log.info({ errors: summary(translated) }, 'request refused')
      }
      setResult(translated)
      if (!accepted.startsWith('text/event-stream')) return
      const single = toClientResult(result, operation)
      setResultProcessor((_, { Response }) => {
        return new Response(singleEvent(single), { headers: eventStreamHeaders() })
      }, 'text/event-stream')
    },
  }
}

function summary({ errors = [] }: ExecutionResult): string[] {
  return errors.map(({ extensions, message }) => `${String(extensions.code)}: ${message.slice(0, 200)}`)
}
