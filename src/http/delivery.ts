import {
  createSourceEventStream,
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  execute,
  Kind,
  visit,
} from 'graphql'
import type { Viewer } from '../auth/viewer.ts'
import { createDeltaTemplates, type DeltaTemplates, type RecordedDelta } from './delta-template.ts'
import { toClientError, toClientResult } from './errors.ts'
import type { CreateContext, Operation } from './operation.ts'
import { Audiences, type Payload } from './shared-payloads.ts'

export type Subscribe = (args: ExecutionArgs) => Promise<AsyncIterable<ExecutionResult> | ExecutionResult>

/**
 * GraphQL's `subscribe`, whose `contextValue` is the `Operation`. Each event of the source is executed with a context
 * of its own. Where the operation has `sendPayload`, payloads go there as JSON, each made once for all subscribers that
 * want the same, and those of deltas from a template instead of an execution; what is returned then yields nothing, and
 * ends or fails as the source does. It ends on `return()` at once, also while the source waits.
 */
export function createSubscribe(createContext: CreateContext): Subscribe {
  const audiences = new Audiences()
  const documentKeys = new DocumentKeys()
  return async (args) => {
    const operation = args.contextValue as Operation
    const source = await createSourceEventStream({ ...args, contextValue: createContext(operation) })
    if (!(Symbol.asyncIterator in source)) return toClientResult(source, operation)
    const events = source[Symbol.asyncIterator]()
    const executeFor = (event: unknown) => {
      const result = execute({ ...args, rootValue: event, contextValue: createContext(operation) })
      return result instanceof Promise
        ? result.then((settled) => toClientResult(settled, operation))
        : toClientResult(result, operation)
    }
    const { sendPayload } = operation
    if (!sendPayload) return new Delivery(events, operation, executeFor, () => {})

    const [audience, leave] = audiences.join(documentKeys.keyOf(args, operation))
    const templates = createDeltaTemplates(args)
    const delivery: Delivery = new Delivery(
      events,
      operation,
      (event) => {
        const make = () => payloadOf(event, templates, executeFor)
        const payload = isObject(event) ? audience.payload(event, make) : make()
        if (typeof payload === 'string') return sendPayload(payload)
        // The client may leave while the event is executed.
        return payload.then((json) => (delivery.closed ? undefined : sendPayload(json)))
      },
      leave,
    )
    return delivery
  }
}

/** Gives a result to yield, or nothing where it has sent it. */
type Deliver = (event: unknown) => Delivered | Promise<Delivered>
// biome-ignore lint/suspicious/noConfusingVoidType: a send is waited for, and gives nothing
type Delivered = ExecutionResult | undefined | void

/** Written as an iterator, since `return()` does not wake a generator that waits. */
class Delivery implements AsyncGenerator<ExecutionResult, void, void> {
  closed = false
  readonly #events: AsyncIterator<unknown>
  readonly #operation: Operation
  readonly #deliver: Deliver
  readonly #onClose: () => void
  #wake: ((end: IteratorResult<ExecutionResult, void>) => void) | null = null

  constructor(events: AsyncIterator<unknown>, operation: Operation, deliver: Deliver, onClose: () => void) {
    this.#events = events
    this.#operation = operation
    this.#deliver = deliver
    this.#onClose = onClose
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<ExecutionResult, void>> {
    if (this.closed) return Promise.resolve(ended)
    return new Promise((resolve, reject) => {
      this.#wake = resolve
      this.#pull().then(resolve, (error: unknown) => {
        if (this.closed) resolve(ended)
        else reject(toClientError(error, this.#operation))
        this.#close()
      })
    })
  }

  return(): Promise<IteratorResult<ExecutionResult, void>> {
    this.#close()
    return Promise.resolve(ended)
  }

  throw(error: unknown): Promise<IteratorResult<ExecutionResult, void>> {
    this.#close()
    return Promise.reject(error)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#close()
  }

  async #pull(): Promise<IteratorResult<ExecutionResult, void>> {
    while (!this.closed) {
      const { done, value } = await this.#events.next()
      if (this.closed) break
      if (done) {
        this.#close()
        break
      }
      const delivered = this.#deliver(value)
      const result = delivered instanceof Promise ? await delivered : delivered
      if (result) return { done: false, value: result }
    }
    return ended
  }

  #close(): void {
    if (this.closed) return
    this.closed = true
    this.#onClose()
    // Not waited for: a source that cannot be woken must not keep the client's `complete` waiting.
    Promise.resolve(this.#events.return?.()).catch((err: unknown) => {
      this.#operation.log.warn({ err }, 'a subscription did not end cleanly')
    })
    this.#wake?.(ended)
  }
}

const ended = { done: true, value: undefined } as const

function payloadOf(
  event: unknown,
  templates: DeltaTemplates,
  executeFor: (event: unknown) => ExecutionResult | Promise<ExecutionResult>,
): Payload {
  if (isDelta(event)) {
    const template = templates[event.event.type]
    if (template) return template(event)
  }
  const result = executeFor(event)
  return result instanceof Promise ? result.then(toJson) : toJson(result)
}

/** A result as graphql-ws writes it: `errors` last. */
function toJson({ errors, ...result }: ExecutionResult): string {
  return JSON.stringify(errors ? { ...result, errors: errors.map((error) => error.toJSON()) } : result)
}

/** Deltas are told by their shape: other subscriptions have events of other kinds, which have no templates anyway. */
function isDelta(value: unknown): value is RecordedDelta {
  if (!isObject(value) || !('event' in value) || !isObject(value.event) || !('type' in value.event)) return false
  const { type } = value.event
  return (type === 'text-delta' || type === 'reasoning-delta') && 'messageId' in value && value.messageId !== null
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/**
 * Names what makes payloads equal: the document and its operation, the viewer and what they may see (which may be less
 * with one session of theirs than with another), and the variables but for those that only say where a stream starts
 * (its root field's `after`), in which subscribers of one stream differ.
 */
class DocumentKeys {
  readonly #known = new WeakMap<DocumentNode, { id: number; startVariables: ReadonlySet<string> }>()
  #next = 1

  keyOf({ document, operationName, variableValues }: ExecutionArgs, { viewer }: Operation): string {
    let known = this.#known.get(document)
    if (!known) {
      known = { id: this.#next++, startVariables: startVariablesOf(document) }
      this.#known.set(document, known)
    }
    const variables = Object.entries(variableValues ?? {}).filter(([name]) => !known.startVariables.has(name))
    return JSON.stringify([known.id, operationName ?? null, viewer && rightsOf(viewer), variables])
  }
}

function rightsOf({ id, role, allowedProducts, allowedAgents }: Viewer): readonly unknown[] {
  return [id, role, allowedProducts, allowedAgents]
}

function startVariablesOf(document: DocumentNode): ReadonlySet<string> {
  const start = new Set<string>()
  const other = new Set<string>()
  visit(document, {
    VariableDefinition: () => false,
    Argument: (node, _key, _parent, _path, ancestors) => {
      if (node.name.value !== 'after' || node.value.kind !== Kind.VARIABLE) return undefined
      const depth = ancestors.filter((ancestor) => 'kind' in ancestor && ancestor.kind === Kind.FIELD).length
      const isInOperation = ancestors.some(
        (ancestor) => 'kind' in ancestor && ancestor.kind === Kind.OPERATION_DEFINITION,
      )
      if (depth !== 1 || !isInOperation) return undefined
      start.add(node.value.name.value)
      return false
    },
    Variable: (node) => {
      other.add(node.name.value)
    },
  })
  return new Set([...start].filter((name) => !other.has(name)))
}
