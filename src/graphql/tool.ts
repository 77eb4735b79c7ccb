import { grantsFor, type IsGranted } from '../tools/grants.ts'
import type { ToolDefinition } from '../tools/tool.ts'
import { builder } from './builder.ts'
import { type Context, requireViewer } from './context.ts'

const ToolSourceRef = builder.enumType('ToolSource', {
  description: 'Where a tool is from.',
  values: {
    BUILT_IN: { description: 'It comes with this server.' },
    MCP: { description: 'An MCP server has it.' },
    CLIENT: { description: 'The client that sent a message runs it itself.' },
  } as const,
})

const ApprovalPolicyRef = builder.enumType('ApprovalPolicy', {
  description: 'What becomes of a call of a tool. CLIENT tools are ALLOW: the client runs them itself.',
  values: {
    ALLOW: { description: 'It runs.' },
    ASK: { description: 'It runs once a person has approved it.' },
    DENY: { description: 'It never runs.' },
  } as const,
})

export const ToolRef = builder.objectRef<ToolDefinition>('Tool').implement({
  description: 'Something that a model can ask for.',
  fields: (t) => ({
    id: t.exposeID('name', { description: 'Its name, which no other tool has.' }),
    name: t.exposeString('name', {
      description:
        "Unique among all tools: an MCP tool's is SERVER__TOOL, which ends with a hash where the two could not be joined as they are. A tool that comes with a message may have neither that name nor that of another tool.",
    }),
    title: t.exposeString('title', { description: 'For people; null where it has none.', nullable: true }),
    description: t.exposeString('description', {
      description: 'What it does, as a model is told; null where nobody says.',
      nullable: true,
    }),
    inputSchema: t.expose('inputSchema', { type: 'JSON', description: 'What arguments it takes: a JSON Schema.' }),
    source: t.expose('source', { type: ToolSourceRef, description: 'Where it is from.' }),
    approvalPolicy: t.field({
      type: ApprovalPolicyRef,
      description: 'What becomes of a call of the caller, with what they let run everywhere.',
      resolve: async (definition, _args, context) =>
        context.services.tools.policyFor(definition, (await globalGrants(context))(definition)),
    }),
  }),
})

const grants = new WeakMap<Context, Promise<IsGranted>>()

/** The viewer's grants for everywhere, read once in an execution. */
function globalGrants(context: Context): Promise<IsGranted> {
  const known = grants.get(context)
  if (known) return known
  const reading = grantsFor(requireViewer(context), context.services.database, null)
  grants.set(context, reading)
  return reading
}

builder.queryField('tools', (t) =>
  t.field({
    type: [ToolRef],
    description: 'The tools of this server that the caller can use, those that may never run included.',
    args: {
      forceRefresh: t.arg.boolean({
        defaultValue: false,
        description:
          'Whether MCP servers are asked for their tools again; else those that they last told of are given.',
      }),
    },
    resolve: async (_root, { forceRefresh }, context) => {
      const { services, callerToken, signal } = context
      const caller = { viewer: requireViewer(context), token: callerToken }
      const tools = await services.tools.tools(caller, { refresh: forceRefresh ?? false }, signal)
      return [...tools.values()].map(({ definition }) => definition)
    },
  }),
)
