import { type ExecutionResult, execute, parse, validate } from 'graphql'
import { pino } from 'pino'
import type { Viewer } from '../../src/auth/viewer.ts'
import { openDatabase } from '../../src/database/database.ts'
import type { Message, PrismaClient, Role } from '../../src/database/generated/client.ts'
import type { Context, Services } from '../../src/graphql/context.ts'
import { createSchema } from '../../src/graphql/schema.ts'
import { RequestError } from '../../src/platform/errors.ts'
import { newId } from '../../src/platform/ids.ts'
import { createProviders } from '../../src/providers/registry.ts'
import type { EventStream } from '../../src/runs/event-stream.ts'
import { MemoryStream } from '../../src/runs/memory-stream.ts'
import { createTestDatabase } from './database.ts'
import { providerConfig } from './provider-fixture.ts'

const schema = createSchema()
const log = pino({ level: 'silent' })

/** What the operations on threads and messages call, over a database of its own. */
export interface Chat extends AsyncDisposable {
  readonly services: Services
  readonly database: PrismaClient
  readonly stream: EventStream
}

export async function openChat(): Promise<Chat> {
  await using resources = new AsyncDisposableStack()
  const place = resources.use(await createTestDatabase())
  const config = { url: place.url, poolMin: 1, poolSize: 5, statementTimeoutMs: 30_000 }
  const { client } = resources.use(await openDatabase({ config, dataDir: place.dataDir, log }))
  const stream = resources.use(new MemoryStream({ retain: 100, queueSize: 100, heartbeatMs: 10_000 }))
  const services: Partial<Services> = {
    database: client,
    stream,
    providers: resources.use(
      createProviders({
        config: { providers: [providerConfig({ id: 'demo', kind: 'demo' })], llm: { enabled: true } },
        log,
      }),
    ),
    config: { maxMessageCharacters: 262_144, generation: {} },
    version: '1.2.3',
    startedAt: new Date(0),
    features: { llm: true },
    connectedClients: () => 3,
  }
  const held = resources.move()
  return {
    // The rest is for runs, which none of these operations touches.
    services: services as Services,
    database: client,
    stream,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

/** A user of their own, with a row. */
export async function createViewer(database: PrismaClient): Promise<Viewer> {
  const id = newId('user')
  return database.user.create({
    data: { id, subject: id, username: 'someone', role: 'USER', allowedProducts: ['*'], allowedAgents: [] },
  })
}

/** What came of an operation: its data, or its first error as a client would get it. */
export interface Outcome {
  readonly data: Record<string, never> | null | undefined
  readonly code: string | undefined
  readonly field: string | undefined
}

/** Executes an operation with the schema alone, as the viewer. */
export async function run(
  services: Services,
  viewer: Viewer | null,
  source: string,
  variableValues: Record<string, unknown> = {},
): Promise<Outcome> {
  const document = parse(source)
  const [invalid] = validate(schema, document)
  if (invalid) throw invalid
  const contextValue: Context = {
    viewer,
    callerToken: null,
    requestId: 'test',
    signal: new AbortController().signal,
    log,
    services,
    clientAddress: undefined,
    streamPosition: services.stream.position(),
  }
  const { data, errors } = (await execute({ schema, document, variableValues, contextValue })) as ExecutionResult
  const error = errors?.[0]
  const cause = error?.originalError
  if (error && !(cause instanceof RequestError)) throw error
  return {
    data: data as Outcome['data'],
    code: cause instanceof RequestError ? cause.code : undefined,
    field: cause instanceof RequestError ? cause.field : undefined,
  }
}

/** Stores a message as a run would. */
export function storeMessage(
  owner: Viewer,
  database: PrismaClient,
  message: Pick<Message, 'threadId' | 'text'> & { parentId?: string | null; role?: Role },
): Promise<Message> {
  return database.message.create({
    data: { id: newId('message'), ownerId: owner.id, role: 'USER', status: 'COMPLETED', reasoning: null, ...message },
  })
}
