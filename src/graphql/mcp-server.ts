import type { McpCaller, McpPool, McpServer } from '../mcp/mcp.ts'
import { McpError } from '../mcp/mcp.ts'
import { notFound, RequestError } from '../platform/errors.ts'
import { builder } from './builder.ts'
import { type Context, requireAdmin, requireViewer } from './context.ts'

const McpServerStatusRef = builder.enumType('McpServerStatus', {
  description: 'Whether an MCP server can be used.',
  values: {
    CONNECTING: { description: 'It is being reached, for the first time or again.' },
    READY: { description: 'Its tools can be called.' },
    AUTH_REQUIRED: {
      description:
        "It refuses the credentials that it is sent, or there are none to send. Where it is reached with its caller's own token, sign in again; else whoever runs this server has to mend its entry in the file of servers.",
    },
    UNAVAILABLE: { description: 'It cannot be reached, or does not answer as it should; it is tried again by itself.' },
    DISABLED: { description: 'It is switched off in the file of servers.' },
  } as const,
})

export const McpServerRef = builder.objectRef<McpServer>('McpServer').implement({
  description: 'A server of tools, as its caller finds it (Model Context Protocol).',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Its name in the file of servers.' }),
    name: t.string({ description: 'As `id`.', resolve: ({ id }) => id }),
    transport: t.exposeString('transport', {
      description: 'How it is reached: `stdio`, `streamable-http` or `sse`.',
    }),
    status: t.expose('status', { type: McpServerStatusRef, description: 'Whether it can be used.' }),
    error: t.exposeString('error', {
      nullable: true,
      description: 'Why it is not READY, or what was wrong with a part of it; null where nothing was.',
    }),
    latencyMs: t.int({
      nullable: true,
      description: 'How long its last ping took, in milliseconds; null before the first.',
      resolve: ({ latencyMs }) => (latencyMs === null ? null : Math.round(latencyMs)),
    }),
    checkedAt: t.expose('checkedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was last heard of; null where it never was.',
    }),
  }),
})

/** On whose behalf servers are asked. */
export function mcpCallerOf(context: Pick<Context, 'viewer' | 'callerToken'>): McpCaller {
  return { userId: requireViewer(context).id, token: context.callerToken }
}

/** The pool, once it is known that it has the server. Throws NOT_FOUND `serverId`. */
export function poolWith(context: Context, serverId: string): McpPool {
  const { mcp } = context.services
  if (!mcp.servers(mcpCallerOf(context)).some(({ id }) => id === serverId)) throw notFound('MCP server', 'serverId')
  return mcp
}

/** What a server gives; a failure of it is PROVIDER_UNAVAILABLE. */
export async function given<Value>(asked: Promise<Value>): Promise<Value> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof McpError) throw new RequestError('PROVIDER_UNAVAILABLE', error.message, { cause: error })
    throw error
  }
}

builder.queryField('mcpServers', (t) =>
  t.field({
    type: [McpServerRef],
    description: 'The MCP servers of the file of servers, in its order, those that are switched off too.',
    resolve: (_root, _args, context) => [...context.services.mcp.servers(mcpCallerOf(context))],
  }),
)

const ReconnectMcpServerInputRef = builder.inputType('ReconnectMcpServerInput', {
  description: 'Which MCP server to reach anew.',
  fields: (t) => ({ serverId: t.id({ required: true, description: 'Its `id`.' }) }),
})

const McpServerPayloadRef = builder.objectRef<{ readonly server: McpServer }>('McpServerPayload').implement({
  description: 'What became of an MCP server.',
  fields: (t) => ({ server: t.expose('server', { type: McpServerRef, description: 'As it is now.' }) }),
})

builder.mutationField('reconnectMcpServer', (t) =>
  t.field({
    type: McpServerPayloadRef,
    description:
      "Ends the connections to a server, everybody's, and makes new ones; calls on them fail. Returns when the first of them is READY or has failed. For an ADMIN.",
    args: { input: t.arg({ type: ReconnectMcpServerInputRef, required: true, description: 'Which server.' }) },
    resolve: async (_root, { input: { serverId } }, context) => {
      requireAdmin(context)
      const server = await given(poolWith(context, serverId).reconnect(mcpCallerOf(context), serverId, context.signal))
      return { server }
    },
  }),
)
