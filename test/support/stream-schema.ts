import { buildSchema, GraphQLInterfaceType, GraphQLObjectType, GraphQLScalarType, type GraphQLSchema } from 'graphql'
import type { Recorded, RunEvent } from '../../src/runs/run-event.ts'
import type { EventFeed } from './event-feed.ts'

/** The resolvers' context of the test schema. */
export interface TestContext {
  readonly viewerId: string | null
  readonly requestId: string
}

export interface TestResolvers {
  /** The source of a subscription. */
  readonly messageStream: (
    args: { threadId: string; after?: string | null },
    context: TestContext,
  ) => EventFeed<Recorded>
  readonly fail?: () => unknown
  readonly mutate?: () => void
  /** Called for each message that is resolved. */
  readonly onMessage?: () => void
}

/** The stream's types as the contract has them, and fields to try the transports with. */
const definitions = `
  scalar DateTime
  type Query {
    greeting(name: String): String!
    viewerId: String
    requestId: String!
    fail: String
    failNonNull: String!
    long(bytes: Int!): String!
    echo(input: EchoInput!): String!
    nested: Nested!
  }
  type Nested { nested: Nested! name: String! }
  input EchoInput { text: String! times: Int options: EchoOptions }
  input EchoOptions { loud: Boolean }
  type Mutation { touch: Boolean! }
  type Subscription {
    messageStream(threadId: ID!, runId: ID, after: String): MessageStreamEvent!
    ticks: Int!
  }
  interface MessageStreamEvent { cursor: String! threadId: ID! runId: ID at: DateTime! }
  type TextDelta implements MessageStreamEvent { cursor: String! threadId: ID! runId: ID at: DateTime! messageId: ID! offset: Int! text: String! }
  type ReasoningDelta implements MessageStreamEvent { cursor: String! threadId: ID! runId: ID at: DateTime! messageId: ID! offset: Int! text: String! }
  type RunStatusChanged implements MessageStreamEvent { cursor: String! threadId: ID! runId: ID at: DateTime! status: String! }
  type MessageSnapshot implements MessageStreamEvent { cursor: String! threadId: ID! runId: ID at: DateTime! message: Message! }
  type Message { id: ID! text: String! }
`

const typeNames: Partial<Record<RunEvent['type'], string>> = {
  'text-delta': 'TextDelta',
  'reasoning-delta': 'ReasoningDelta',
  'run-status-changed': 'RunStatusChanged',
  'message-snapshot': 'MessageSnapshot',
}

export function createStreamSchema(resolvers: TestResolvers): GraphQLSchema {
  const schema = buildSchema(definitions)
  const dateTime = schema.getType('DateTime')
  if (dateTime instanceof GraphQLScalarType) dateTime.serialize = (value) => value
  const streamEvent = schema.getType('MessageStreamEvent')
  if (streamEvent instanceof GraphQLInterfaceType) {
    streamEvent.resolveType = ({ event }: Recorded) => typeNames[event.type]
  }
  const field = (type: string, name: string) => {
    const found = schema.getType(type)
    const definition = found instanceof GraphQLObjectType ? found.getFields()[name] : undefined
    if (!definition) throw new Error(`no ${type}.${name}`)
    return definition
  }
  for (const type of Object.values(typeNames)) {
    field(type, 'at').resolve = ({ at }: Recorded) => new Date(at)
  }
  for (const type of ['TextDelta', 'ReasoningDelta']) {
    field(type, 'text').resolve = ({ event }: Recorded) => ('text' in event ? event.text : null)
  }
  field('RunStatusChanged', 'status').resolve = ({ event }: Recorded) => ('status' in event ? event.status : null)
  field('MessageSnapshot', 'message').resolve = async ({ event }: Recorded) => {
    resolvers.onMessage?.()
    if (event.type !== 'message-snapshot') return null
    return { id: event.messageId, text: event.text }
  }
  field('Query', 'greeting').resolve = (_, { name }) => `Hello, ${name ?? 'you'}!`
  field('Query', 'viewerId').resolve = (_, _args, { viewerId }: TestContext) => viewerId
  field('Query', 'requestId').resolve = (_, _args, { requestId }: TestContext) => requestId
  field('Query', 'fail').resolve = () => resolvers.fail?.()
  field('Query', 'failNonNull').resolve = () => resolvers.fail?.()
  field('Query', 'long').resolve = (_, { bytes }) => 'x'.repeat(bytes)
  field('Query', 'echo').resolve = (_, { input }) => input.text
  field('Query', 'nested').resolve = () => ({ name: 'top', nested: () => ({ name: 'below' }) })
  field('Mutation', 'touch').resolve = () => {
    resolvers.mutate?.()
    return true
  }
  const stream = field('Subscription', 'messageStream')
  stream.subscribe = (_, args, context) => resolvers.messageStream(args, context)
  stream.resolve = (event) => event
  return schema
}

/** A delta in its place, with whatever the test cares about. */
export function recordedDelta(text: string, place: Partial<Recorded> = {}): Recorded {
  const offset = place.offset ?? 0
  return {
    sequence: 1,
    cursor: `cursor-${offset}`,
    at: 1_700_000_000_123,
    threadId: 'thread_1',
    runId: 'run_1',
    messageId: 'message_1',
    offset,
    event: { type: 'text-delta', text },
    ...place,
  }
}
