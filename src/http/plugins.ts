import type { ServerResponse } from 'node:http'
import { EnvelopArmor } from '@escape.tech/graphql-armor'
import { useCSRFPrevention } from '@graphql-yoga/plugin-csrf-prevention'
import { type ExecutionArgs, type ExecutionResult, execute } from 'graphql'
import { createGraphQLError, type Plugin, type YogaServerOptions } from 'graphql-yoga'
import { checkComplexity } from '../graphql/complexity.ts'
import { createSubscribe } from './delivery.ts'
import { toClientError, toClientResult, toHttpResult } from './errors.ts'
import type { CreateContext, Operation } from './operation.ts'
import { eventStream, eventStreamHeaders, singleEvent } from './sse.ts'

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
export function createPlugins(
  limits: OperationLimits,
  createContext: CreateContext,
  eventStreams: Set<ServerResponse>,
): PipelinePlugin[] {
  return [...documentLimits(limits), csrfPrevention(), execution(createContext, limits), httpResults(eventStreams)]
}

/**
 * The schema is public and may be introspected, so suggestions give nothing away; cost is counted by the schema itself.
 * Armor ignores what is below `__schema`: there, graphql's own rule against nested lists holds.
 */
function documentLimits({ maxDepth, maxAliases, maxTokens, maxDirectives }: OperationLimits): Plugins {
  return new EnvelopArmor({
    maxTokens: { n: maxTokens },
    maxDepth: { n: maxDepth, flattenFragments: true },
    maxAliases: { n: maxAliases },
    maxDirectives: { n: maxDirectives },
    costLimit: { enabled: false },
    blockFieldSuggestion: { enabled: false },
  }).protect().plugins
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
function execution(createContext: CreateContext, { maxComplexity }: OperationLimits): PipelinePlugin {
  const subscribe = createSubscribe(createContext)
  const affordable =
    <Result>(act: (args: ExecutionArgs) => Promise<Result>) =>
    async (args: ExecutionArgs): Promise<Result | ExecutionResult> => {
      try {
        checkComplexity(args, maxComplexity)
      } catch (error) {
        return { errors: [toClientError(error, args.contextValue as Operation)] }
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
function httpResults(eventStreams: Set<ServerResponse>): PipelinePlugin {
  return {
    onResultProcess({ request, result, setResult, setResultProcessor, serverContext: operation }) {
      const { res } = operation
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
          return new Response(eventStream(result, res, operation), { headers: eventStreamHeaders() })
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
