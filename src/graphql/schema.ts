import type { GraphQLSchema } from 'graphql'
import { builder } from './builder.ts'
import './scalars.ts'
import './connections.ts'
import './node.ts'
import './user.ts'
import './quota.ts'
import './session.ts'
import './personal-access-token.ts'
import './users.ts'
import './thread.ts'
import './message.ts'
import './run.ts'
import './thread-runs.ts'
import './message-run.ts'
import './send-message.ts'
import './message-stream.ts'
import './my-data.ts'
import './completion.ts'
import './embed.ts'
import './provider.ts'
import './provider-admin.ts'
import './provider-thread.ts'
import './server.ts'

/** The schema that the types imported above make, with its fields and types sorted by name. */
export function createSchema(): GraphQLSchema {
  return builder.toSchema({ sortSchema: true })
}
