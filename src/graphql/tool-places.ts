import { type CallPlace, listClientTools } from '../runs/client-tools-of-calls.ts'
import { clientToolDefinition } from '../tools/client-tools.ts'
import type { Tool } from '../tools/tool.ts'
import { batchOnly, builder } from './builder.ts'
import { type Context, requireViewer } from './context.ts'
import { McpServerRef, mcpCallerOf } from './mcp-server.ts'
import { ToolRef } from './tool.ts'
import { ToolCallRef } from './tool-call.ts'

// Where tools are found besides in the list of all: at their calls and at their servers.

builder.objectField(ToolRef, 'server', (t) =>
  t.field({
    type: McpServerRef,
    nullable: true,
    description: 'The MCP server that has it; null where none does.',
    resolve: ({ serverId }, _args, context) =>
      serverId === null ? null : context.services.mcp.servers(mcpCallerOf(context)).find(({ id }) => id === serverId),
  }),
)

builder.objectField(McpServerRef, 'tools', (t) =>
  t.field({
    type: [ToolRef],
    description: 'Its tools, as it last told of them.',
    resolve: async ({ id }, _args, context) => {
      const tools = await listTools(context)
      return [...tools.values()].map(({ definition }) => definition).filter(({ serverId }) => serverId === id)
    },
  }),
)

builder.prismaObjectField(ToolCallRef, 'tool', (t) =>
  t.loadable({
    type: ToolRef,
    nullable: true,
    description: 'The tool as it is now for the caller; null where there is none of the name any more, or never was.',
    load: async (places: CallPlace[], context) => {
      const clientTools = await listClientTools(requireViewer(context), context.services.database, places)
      return Promise.all(
        places.map(async ({ name }, index) => {
          const own = clientTools[index]
          return own ? clientToolDefinition(own) : ((await findTool(context, name))?.definition ?? null)
        }),
      )
    },
    loaderOptions: batchOnly,
    resolve: ({ messageId, name }) => ({ messageId, name }),
  }),
)

/** How long a call's tool may take to be found: where that is not enough, the call is shown without it. */
const findLimitMs = 1_000

async function findTool(context: Context, name: string): Promise<Tool | null> {
  const found = context.services.tools.find(callerOf(context), name)
  if (found) return found
  // After a restart nothing was listed yet.
  const { promise: patience, resolve } = Promise.withResolvers<null>()
  const timer = setTimeout(() => resolve(null), findLimitMs)
  try {
    return (await Promise.race([listTools(context), patience]))?.get(name) ?? null
  } finally {
    clearTimeout(timer)
  }
}

const lists = new WeakMap<Context, Promise<ReadonlyMap<string, Tool>>>()

/** The tools as they were last told of, listed once in an execution. */
function listTools(context: Context): Promise<ReadonlyMap<string, Tool>> {
  const known = lists.get(context)
  if (known) return known
  const listing = context.services.tools.tools(callerOf(context), { refresh: false }, context.signal)
  lists.set(context, listing)
  return listing
}

function callerOf(context: Context) {
  return { viewer: requireViewer(context), token: context.callerToken }
}
