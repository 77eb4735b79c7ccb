import SchemaBuilder from '@pothos/core'
import ComplexityPlugin from '@pothos/plugin-complexity'
import DataloaderPlugin from '@pothos/plugin-dataloader'
import PrismaPlugin from '@pothos/plugin-prisma'
import RelayPlugin from '@pothos/plugin-relay'
import ScopeAuthPlugin from '@pothos/plugin-scope-auth'
import { RequestError } from '../platform/errors.ts'
import type { JsonValue } from '../platform/json.ts'
import type { Access } from './access.ts'
import './access-plugin.ts'
import type { Context } from './context.ts'
import { connectionDescriptions } from './descriptions.ts'
import type PrismaTypes from './generated/pothos-types.ts'
import { getDatamodel } from './generated/pothos-types.ts'
import { typeOfId } from './node-types.ts'

export interface SchemaTypes {
  Context: Context
  PrismaTypes: PrismaTypes
  DefaultFieldNullability: false
  DefaultEdgesNullability: false
  DefaultNodeNullability: false
  /** Every connection counts; the function is called only where `totalCount` is selected. */
  Connection: { totalCount: () => Promise<number> }
  AuthScopes: Record<Exclude<Access, 'open'>, boolean>
  Scalars: {
    ID: { Input: string; Output: string }
    DateTime: { Input: Date; Output: Date }
    /** Held in memory; it comes with a multipart request alone. */
    File: { Input: File; Output: never }
    /** Inputs are not checked yet: `cleanJsonObject` and its like do that, since they know the field's name. */
    JSON: { Input: unknown; Output: JsonValue | object }
  }
}

export type Builder = typeof builder

/** What an input type's fields are made with, for those that several share. */
export type InputFields = Parameters<Parameters<Builder['inputType']>[1]['fields']>[0]

/** The one builder of the schema: each file beside this one adds its type to it when `schema.ts` imports it. */
export const builder = new SchemaBuilder<SchemaTypes>({
  defaultFieldNullability: false,
  plugins: ['access', ScopeAuthPlugin, ComplexityPlugin, RelayPlugin, PrismaPlugin, DataloaderPlugin],
  scopeAuth: {
    authorizeOnSubscribe: true,
    authScopes: ({ viewer }) => ({
      reader: viewer !== null,
      user: viewer?.role === 'USER' || viewer?.role === 'ADMIN',
      admin: viewer?.role === 'ADMIN',
    }),
    unauthorizedError: (_parent, { viewer }) =>
      viewer === null
        ? new RequestError('UNAUTHENTICATED', 'Sign in first.')
        : new RequestError('FORBIDDEN', 'You may not do this.'),
  },
  prisma: {
    client: ({ services }: Context) => services.database,
    dmmf: getDatamodel(),
    exposeDescriptions: false,
    onUnusedQuery: null,
  },
  relay: {
    ...connectionDescriptions,
    clientMutationId: 'omit',
    cursorType: 'String',
    // Ids are global as they are: `thread_…`, the same in the database, the API and the log.
    encodeGlobalID: (_typename, id) => String(id),
    decodeGlobalID: (id) => ({ typename: typeOfId(id) ?? '', id }),
    nodeQueryOptions: false,
    nodesQueryOptions: false,
  },
})

builder.queryType({ description: 'What can be read.' })
builder.mutationType({ description: 'What can be changed.' })
builder.subscriptionType({ description: 'What can be followed as it happens.' })

/**
 * The options of every loader: batching is all that is wanted of it, since what was read before a mutation or an event
 * would be stale after it.
 */
export const batchOnly = { cache: false }
