import type { GraphQLSchema } from 'graphql'
import { builder } from './builder.ts'
import './scalars.ts'
import './connections.ts'
import './node.ts'
import './user.ts'
import './thread.ts'
import './message.ts'
import './server.ts'

/** The schema that the types imported above make, with its fields and types sorted by name. */
export function createSchema(): GraphQLSchema {
  return builder.toSchema({ sortSchema: true })
}
