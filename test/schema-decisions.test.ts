import SchemaBuilder from '@pothos/core'
import ScopeAuthPlugin from '@pothos/plugin-scope-auth'
import { buildSchema, extendSchema, type GraphQLSchema, graphql, isObjectType, parse } from 'graphql'
import { expect, test } from 'vitest'
import { accessTo, rootAccess } from '../src/graphql/access.ts'
import { getDatamodel } from '../src/graphql/generated/pothos-types.ts'
import { createSchema } from '../src/graphql/schema.ts'
import { dataTypes, fieldsOf, ownAccess, reachableFrom, rootResults, rootTypes } from './support/schema-walk.ts'

// Who may see what, of every field: a root field by its name, in `rootAccess`; a field below by its type, here.

const schema = createSchema()

/**
 * Whose the things of a type are. A type that is new needs a line here:
 * - `anybody`: strangers may see it.
 * - `own`: a user's; it is only found through queries that have the owner in them, which the isolation matrix tries.
 * - `server`: the server's, the same for whoever is signed in; nothing that is a user's can be reached from it.
 * - `admin`: the server's, for ADMIN.
 * - `part`: says nothing but of the thing that it is a part of.
 * Connections, their edges and payloads are left out: they carry what is their caller's.
 */
const types: Readonly<Record<string, 'anybody' | 'own' | 'server' | 'admin' | 'part'>> = {
  ServerInfo: 'anybody',
  // Strangers: only what `login` and the like give of the one who signs in.
  User: 'anybody',

  Attachment: 'own',
  Elicitation: 'own',
  ElicitationClosed: 'own',
  ElicitationRequested: 'own',
  // A server's status, tools and resources can be those of its caller alone.
  McpContent: 'own',
  McpPrompt: 'own',
  McpPromptArgument: 'own',
  McpPromptMessage: 'own',
  McpResource: 'own',
  McpServer: 'own',
  Message: 'own',
  MessageChanged: 'own',
  MessageFinished: 'own',
  MessageSnapshot: 'own',
  MessageStreamEvent: 'own',
  ModelSwitched: 'own',
  Node: 'own',
  PersonalAccessToken: 'own',
  ProviderThread: 'own',
  ReasoningDelta: 'own',
  Run: 'own',
  RunHeartbeat: 'own',
  RunStatusChanged: 'own',
  SearchResult: 'own',
  StreamReset: 'own',
  TextDelta: 'own',
  Thread: 'own',
  ToolApproval: 'own',
  ToolCall: 'own',
  // An MCP server's tools can be those of its caller alone.
  Tool: 'own',
  ToolApprovalDecided: 'own',
  ToolApprovalRequested: 'own',
  ToolCallChanged: 'own',
  ToolGrant: 'own',
  ToolProgress: 'own',

  // Of a completion, which is stored nowhere and told to its caller alone.
  Completion: 'own',
  CompletionEvent: 'own',
  CompletionFinished: 'own',
  CompletionReasoningDelta: 'own',
  CompletionTextDelta: 'own',
  CompletionToolCall: 'own',

  Model: 'server',
  Provider: 'server',

  ConfiguredModel: 'admin',
  ProviderAccount: 'admin',
  ProviderSettings: 'admin',
  SearchStatus: 'admin',

  PageInfo: 'part',
  Quota: 'part',
  RunError: 'part',
  Usage: 'part',
}

/** Fields below the root that need more than what they are a field of. */
const narrowed: Readonly<Record<string, string>> = {
  'Provider.settings': 'admin',
}

const isCarrier = (name: string) => /(Connection|Edge|Payload)$/.test(name)

function undecidedTypes(of: GraphQLSchema): readonly string[] {
  return dataTypes(of)
    .map(({ name }) => name)
    .filter((name) => !isCarrier(name) && types[name] === undefined)
}

function undecidedRootFields(of: GraphQLSchema): readonly string[] {
  return rootTypes.flatMap((root) =>
    fieldsOf(of.getType(root))
      .filter(({ name }) => accessTo(root, name) === undefined)
      .map(({ name }) => `${root}.${name}`),
  )
}

/** Of the types that can be reached, those of one kind. */
function ofKind(reached: ReadonlySet<string>, ...kinds: (typeof types)[string][]): readonly string[] {
  return [...reached].filter((name) => {
    const kind = types[name]
    return kind !== undefined && kinds.includes(kind)
  })
}

test('somebody has decided who may use each root field', () => {
  expect(undecidedRootFields(schema), 'decide in src/graphql/access.ts').toEqual([])
})

test('somebody has decided whose the things of each type are', () => {
  expect(undecidedTypes(schema), 'give each of these types a line in `types` above').toEqual([])
  expect(
    Object.keys(types).filter((name) => !schema.getType(name)),
    'types that are no more',
  ).toEqual([])
})

test('no decision stands for a field that there is not', () => {
  const stale = rootTypes.flatMap((root) => {
    const there = fieldsOf(schema.getType(root)).map(({ name }) => name)
    return Object.keys(rootAccess[root]).filter((name) => !there.includes(name))
  })
  expect(stale).toEqual([])
})

test('the fields that need more than their parents are those that are known to', () => {
  const found = dataTypes(schema).flatMap((type) =>
    fieldsOf(type)
      .map((field) => [`${type.name}.${field.name}`, ownAccess(field)] as const)
      .filter(([, access]) => access !== null),
  )
  expect(Object.fromEntries(found)).toEqual(narrowed)
})

test('strangers reach nothing but the server’s card and their own sign-in', () => {
  const reached = reachableFrom(
    schema,
    rootResults(schema, (access) => access === 'open'),
    (access) => access === null,
  )
  expect(ofKind(reached, 'own', 'server', 'admin')).toEqual([])
  expect(ofKind(reached, 'anybody').toSorted()).toEqual(['ServerInfo', 'User'])
})

test('only an ADMIN reaches what is for an ADMIN', () => {
  const reached = reachableFrom(
    schema,
    rootResults(schema, (access) => access !== 'admin'),
    (access) => access !== 'admin',
  )
  expect(ofKind(reached, 'admin')).toEqual([])
})

test('nothing of a user can be reached from what is the server’s', () => {
  const server = dataTypes(schema).filter(({ name }) => types[name] === 'server' || types[name] === 'admin')
  const reached = reachableFrom(schema, server, () => true)
  expect(ofKind(reached, 'own', 'anybody')).toEqual([])
})

test('whatever has an id of its own is a user’s', () => {
  const node = schema.getType('Node')
  const nodes = dataTypes(schema).filter((type) => isObjectType(type) && type.getInterfaces().some((of) => of === node))
  expect(nodes.filter(({ name }) => name !== 'User' && types[name] !== 'own').map(({ name }) => name)).toEqual([])
})

test('a field or a type that nobody has decided on is found', () => {
  const extended = extendSchema(
    schema,
    parse(
      'type Diary { secrets: String! } extend type Query { diary: Diary! } extend type Mutation { burn: Boolean! }',
    ),
  )
  expect(undecidedRootFields(extended)).toEqual(['Query.diary', 'Mutation.burn'])
  expect(undecidedTypes(extended)).toEqual(['Diary'])
  const leaking = extendSchema(schema, parse('extend type Provider { lastUser: Thread }'))
  const provider = leaking.getType('Provider')
  if (!provider) throw new Error('the schema has no providers')
  expect(
    ofKind(
      reachableFrom(leaking, [provider], () => true),
      'own',
    ),
  ).toContain('Thread')
  expect(() => ownAccess(buildSchemaField({ $any: { admin: true, user: true } }))).toThrow('not one role')
})

function buildSchemaField(authScopes: object) {
  const [field] = fieldsOf(buildSchema('type Query { field: String }').getQueryType())
  if (!field) throw new Error('the schema has no field')
  return { ...field, extensions: { pothosOptions: { authScopes } } }
}

function noDatabase(): never {
  throw new Error('there is no database')
}

/** A builder of its own with the same rule, and a context that is the role. */
function roleBuilder() {
  const builder = new SchemaBuilder<{
    Context: { role: string | null }
    AuthScopes: { reader: boolean; user: boolean; admin: boolean }
  }>({
    plugins: ['access', ScopeAuthPlugin],
    // Its types are global; the plugin itself is not here.
    prisma: { client: noDatabase, dmmf: getDatamodel() },
    scopeAuth: {
      authScopes: ({ role }) => ({ reader: role !== null, user: role === 'USER', admin: role === 'ADMIN' }),
    },
  })
  builder.queryType()
  return builder
}

test('a schema with a root field that nobody has decided on cannot be built', () => {
  const builder = roleBuilder()
  builder.queryField('toString', (t) => t.boolean({ resolve: () => true }))
  expect(() => builder.toSchema()).toThrow('Query.toString: nobody has decided who may use it')

  const viaArguments = roleBuilder()
  viaArguments.queryField('thread', (t) => t.boolean({ authScopes: () => true, resolve: () => true }))
  expect(() => viaArguments.toSchema()).toThrow('Query.thread: what depends on its arguments')
})

test('a decision holds though the field says nothing, and beside what the field says', async () => {
  const builder = roleBuilder()
  builder.queryField('users', (t) => t.boolean({ resolve: () => true }))
  builder.queryField('thread', (t) => t.boolean({ authScopes: { user: true }, resolve: () => true }))
  builder.queryField('server', (t) => t.boolean({ resolve: () => true }))
  const built = builder.toSchema()
  const ask = async (role: string | null) =>
    (await graphql({ schema: built, source: '{ users thread server }', contextValue: { role } })).data
  expect(await ask(null)).toEqual({ users: null, thread: null, server: true })
  expect(await ask('VIEWER')).toEqual({ users: null, thread: null, server: true })
  expect(await ask('USER')).toEqual({ users: null, thread: true, server: true })
  expect(await ask('ADMIN')).toEqual({ users: true, thread: null, server: true })
})
