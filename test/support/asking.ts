import type { JsonObject } from '../../src/platform/json.ts'
import type { BuiltinTool } from '../../src/tools/builtin/builtin-tool.ts'
import {
  DecideToolApprovalDocument,
  type DecideToolApprovalInput,
  ListPendingApprovalsDocument,
  type SendMessageInput,
  type ToolApprovalPartsFragment,
  type ToolCallPartsFragment,
} from '../generated/graphql.ts'
import type { TestClient } from './client.ts'
import { type Asked, ask, type Conversations } from './conversation.ts'
import { Follower } from './follower.ts'
import type { ScriptedModel } from './scripted-model.ts'

/** What tools were called with, in order; it outlives the server. */
export type Sent = { readonly tool: string; readonly arguments: JsonObject }[]

/** A tool that asks a person first, and that keeps what it was called with. */
export function mailTool(sent: Sent, told: Partial<BuiltinTool> = {}): BuiltinTool {
  const name = told.name ?? 'send_mail'
  return {
    name,
    title: 'Send mail',
    description: 'Sends a mail.',
    inputSchema: {
      type: 'object',
      properties: { to: { type: 'string' }, text: { type: 'string', maxLength: 100 } },
      required: ['to'],
      additionalProperties: false,
    },
    isReadOnly: false,
    async run({ arguments: args }) {
      sent.push({ tool: name, arguments: args })
      return { output: `Sent to ${args.to}.`, result: null, isError: false }
    },
    ...told,
  }
}

export interface Call {
  readonly id: string
  readonly name?: string
  readonly arguments: object
}

/** The model's next answer asks for these tools. */
export function askForTools(model: ScriptedModel, calls: readonly Call[]): void {
  model.onNextRequest(async (exchange) => {
    for (const { id, name = 'send_mail', arguments: args } of calls)
      await exchange.toolCall({ id, name, arguments: JSON.stringify(args) })
    await exchange.finish({ reason: exchange.wire.reasons['tool-calls'] ?? '' })
  })
}

/** A run that waits for decisions on its calls, or results of them, and a client that has seen all until then. */
export interface Waiting extends Asked, AsyncDisposable {
  /** In the order in which the model asked. */
  readonly approvals: readonly ToolApprovalPartsFragment[]
  /** Of the calls that the client is to run, likewise. */
  readonly calls: readonly ToolCallPartsFragment[]
  readonly watcher: Follower
}

/** Asks a question to which the model asks for these tools, and returns when the run waits. */
export async function askAndWait(
  { model, server, client }: Conversations,
  calls: readonly Call[],
  input: Partial<SendMessageInput> = {},
): Promise<Waiting> {
  askForTools(model, calls)
  const asked = await ask(client, 'Do it', input)
  const { threadId, runId, streamCursor } = asked
  const watcher = await Follower.open(server, { threadId, runId, after: streamCursor })
  const approvals: ToolApprovalPartsFragment[] = []
  const awaited = new Map<string, ToolCallPartsFragment>()
  for (;;) {
    const event = await watcher.next()
    if (!event) throw new Error('the run ended')
    if (event.__typename === 'ToolApprovalRequested') approvals.push(event.approval)
    if (event.__typename === 'ToolCallChanged' && event.toolCall.status === 'AWAITING_RESULT')
      awaited.set(event.toolCall.id, event.toolCall)
    if (event.__typename === 'RunStatusChanged' && event.status.startsWith('AWAITING')) break
  }
  return {
    ...asked,
    approvals,
    calls: [...awaited.values()],
    watcher,
    [Symbol.asyncDispose]: () => watcher[Symbol.asyncDispose](),
  }
}

/** The approval of a run that waits for one. */
export function onlyApproval({ approvals }: Pick<Waiting, 'approvals'>): ToolApprovalPartsFragment {
  const [approval] = approvals
  if (!approval || approvals.length > 1) throw new Error(`expected one approval, got ${approvals.length}`)
  return approval
}

export async function decide(client: TestClient, input: DecideToolApprovalInput) {
  return (await client.request(DecideToolApprovalDocument, { input })).decideToolApproval
}

/** The error's code and field, or null where the decision was taken. */
export async function refusal(client: TestClient, input: DecideToolApprovalInput) {
  const { errors } = await client.respond(DecideToolApprovalDocument, { input })
  return errors[0] ? { code: errors[0].extensions.code, field: errors[0].extensions.field } : null
}

export async function pendingIds(client: TestClient): Promise<string[]> {
  const { pendingApprovals } = await client.request(ListPendingApprovalsDocument, {})
  return pendingApprovals.nodes.map(({ id }) => id)
}

/** What the model was told of its calls in its newest request, in order. */
export function toldResults({ requests }: ScriptedModel): readonly { id: unknown; text: unknown }[] {
  const messages = requests.findLast(({ body }) => body?.messages)?.body?.messages ?? []
  const lastCall = messages.findLastIndex(({ role }) => role === 'assistant')
  return messages
    .slice(lastCall + 1)
    .filter(({ role }) => role === 'tool')
    .map(({ tool_call_id: id, content: text }) => ({ id, text }))
}
