import type { McpContent, McpPrompt, McpPromptMessage, McpResource } from '../mcp/mcp.ts'
import { McpError } from '../mcp/mcp.ts'
import { badInput } from '../platform/errors.ts'
import { cleanJsonObject } from '../platform/json.ts'
import { cleanText } from '../platform/text.ts'
import { builder } from './builder.ts'
import type { Context } from './context.ts'
import { given, McpServerRef, mcpCallerOf, poolWith } from './mcp-server.ts'
import { RoleRef } from './message.ts'

// What MCP servers offer beside tools: resources to read, and prompts to begin with.

const title = 'For people; null where it has none.'

const McpResourceRef = builder.objectRef<McpResource>('McpResource').implement({
  description: 'Something that an MCP server lets be read.',
  fields: (t) => ({
    uri: t.exposeString('uri', { description: 'For `mcpResource`.' }),
    name: t.exposeString('name', { description: 'Its name.' }),
    title: t.exposeString('title', { nullable: true, description: title }),
    description: t.exposeString('description', { nullable: true, description: 'What it is; null where nobody says.' }),
    mediaType: t.exposeString('mediaType', { nullable: true, description: 'Such as `text/plain`; null: not known.' }),
  }),
})

const McpContentRef = builder.objectRef<McpContent>('McpContent').implement({
  description: 'What is in a resource: a text, or bytes.',
  fields: (t) => ({
    uri: t.exposeString('uri', { description: 'Of this part: a resource may hold several.' }),
    mediaType: t.exposeString('mediaType', { nullable: true, description: 'Such as `text/plain`; null: not known.' }),
    text: t.exposeString('text', { nullable: true, description: 'Null where it is `blob`.' }),
    blob: t.exposeString('blob', { nullable: true, description: 'In base64; null where it is `text`.' }),
  }),
})

type McpPromptArgument = McpPrompt['arguments'][number]

const McpPromptArgumentRef = builder.objectRef<McpPromptArgument>('McpPromptArgument').implement({
  description: 'What a prompt is made from.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'A key of `arguments`.' }),
    description: t.exposeString('description', { nullable: true, description: 'What it is; null where nobody says.' }),
    required: t.exposeBoolean('required', { description: 'Whether it must be given.' }),
  }),
})

const McpPromptRef = builder.objectRef<McpPrompt>('McpPrompt').implement({
  description: 'Messages that an MCP server makes for a conversation to begin with.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'For `mcpPrompt`.' }),
    title: t.exposeString('title', { nullable: true, description: title }),
    description: t.exposeString('description', {
      nullable: true,
      description: 'What it is for; null where nobody says.',
    }),
    arguments: t.field({
      type: [McpPromptArgumentRef],
      description: 'What it takes.',
      resolve: (prompt) => [...prompt.arguments],
    }),
  }),
})

const McpPromptMessageRef = builder.objectRef<McpPromptMessage>('McpPromptMessage').implement({
  description: 'One message of a prompt.',
  fields: (t) => ({
    role: t.field({
      type: RoleRef,
      description: 'USER or ASSISTANT.',
      resolve: ({ role }) => (role === 'user' ? 'USER' : 'ASSISTANT'),
    }),
    content: t.field({
      type: 'JSON',
      description: 'A block of content, as the protocol has it: `{ "type": "text", "text": … }`, an image, a resource.',
      resolve: ({ content }) => content,
    }),
  }),
})

const notNow = 'null where the server cannot be asked now: its `status` says why.'

builder.objectFields(McpServerRef, (t) => ({
  resources: t.field({
    type: [McpResourceRef],
    nullable: true,
    description: `What it lets be read; ${notNow}`,
    resolve: ({ id }, _args, context) => listed(context, (pool, caller) => pool.resources(caller, id, context.signal)),
  }),
  prompts: t.field({
    type: [McpPromptRef],
    nullable: true,
    description: `The prompts that it has; ${notNow}`,
    resolve: ({ id }, _args, context) => listed(context, (pool, caller) => pool.prompts(caller, id, context.signal)),
  }),
}))

const maxUriLength = 8_192
const maxNameLength = 1_024
const maxArgumentBytes = 65_536

builder.queryFields((t) => ({
  mcpResource: t.field({
    type: [McpContentRef],
    description:
      'Reads a resource of an MCP server. PROVIDER_UNAVAILABLE where the server cannot be asked, or refuses.',
    args: {
      serverId: t.arg.id({ required: true, description: "The server's `id`." }),
      uri: t.arg.string({ required: true, description: 'Of a resource, listed or not.' }),
    },
    resolve: async (_root, { serverId, uri }, context) => {
      const pool = poolWith(context, serverId)
      const clean = cleanText('uri', uri, maxUriLength)
      return [...(await given(pool.readResource(mcpCallerOf(context), serverId, clean, context.signal)))]
    },
  }),
  mcpPrompt: t.field({
    type: [McpPromptMessageRef],
    description:
      'Has an MCP server make the messages of a prompt. PROVIDER_UNAVAILABLE where the server cannot be asked, or refuses.',
    args: {
      serverId: t.arg.id({ required: true, description: "The server's `id`." }),
      name: t.arg.string({ required: true, description: "The prompt's name." }),
      arguments: t.arg({ type: 'JSON', description: 'Texts by name; those that are required at least.' }),
    },
    resolve: async (_root, { serverId, name, arguments: args }, context) => {
      const pool = poolWith(context, serverId)
      const prompt = { name: cleanText('name', name, maxNameLength), arguments: textsOf(args ?? {}) }
      return [...(await given(pool.prompt(mcpCallerOf(context), serverId, prompt, context.signal)))]
    },
  }),
}))

/** A list of one server, which must not take the lists of the others with it. */
async function listed<Item>(
  context: Context,
  list: (pool: Context['services']['mcp'], caller: ReturnType<typeof mcpCallerOf>) => Promise<readonly Item[]>,
): Promise<Item[] | null> {
  try {
    return [...(await list(context.services.mcp, mcpCallerOf(context)))]
  } catch (error) {
    if (error instanceof McpError) return null
    throw error
  }
}

function textsOf(given: unknown): Record<string, string> {
  const entries = Object.entries(cleanJsonObject('arguments', given, maxArgumentBytes))
  return Object.fromEntries(
    entries.map(([name, value]) => {
      if (typeof value !== 'string') throw badInput(`arguments.${name}`, 'must be a text.')
      return [name, value]
    }),
  )
}
