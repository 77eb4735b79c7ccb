import type { SendMessageInput } from '../generated/graphql.ts'
import {
  FollowThreadDocument,
  ListToolGrantsDocument,
  SendMessageDocument,
  TypedDocumentString,
} from '../generated/graphql.ts'
import { decide } from './asking.ts'
import type { TestClient } from './client.ts'
import type { Example } from './guide.ts'
import type { Conversation } from './guide-examples.ts'
import { inquirer, nameQuestion } from './questions.ts'

/** The tool that asks first on the server that the examples are tried on. */
export const askingTool = 'get_weather'

/** What the variables of examples on tools stand for; nothing where the examples name none of them. */
export async function prepareToolCalls(client: TestClient, examples: readonly Example[]): Promise<Conversation> {
  const names = (pattern: RegExp) => examples.some(({ content }) => pattern.test(content))
  return {
    ...(names(/\$approval/) && (await askForApproval(client))),
    ...(names(/\$toolCallId/) && (await askForResult(client))),
    ...(names(/\$elicitationId/) && (await askQuestion(client))),
    ...(names(/\$grantId/) && (await grantTool(client))),
    ...(names(/\$toolMessageId/) && (await callTools(client))),
  }
}

/** As `prepareToolCalls`; besides, `$threadId` is a thread that waits for an approval, from `$after` on. */
export async function prepareWaitingThread(client: TestClient, example: Example): Promise<Conversation> {
  const { approvalThreadId: threadId = '', approvalCursor: after = '' } = await askForApproval(client)
  return { threadId, after, ...(await prepareToolCalls(client, [example])) }
}

async function askForApproval(client: TestClient): Promise<Conversation> {
  const text = `/fast /tool ${askingTool} {"city": "Paris"}`
  const { threadId, after } = await sendUntil(client, { text }, 'AWAITING_APPROVAL')
  const pending = new TypedDocumentString<
    { pendingApprovals: { nodes: { id: string; thread: { id: string } }[] } },
    object
  >('{ pendingApprovals { nodes { id thread { id } } } }')
  const { pendingApprovals } = await client.request(pending, {})
  const approval = pendingApprovals.nodes.find(({ thread }) => thread.id === threadId)
  return { approvalThreadId: threadId, approvalCursor: after, approvalId: approval?.id ?? '' }
}

async function askForResult(client: TestClient): Promise<Conversation> {
  const clientTools = [{ name: 'open_page', inputSchema: { type: 'object' } }]
  const { messageId } = await sendUntil(
    client,
    { text: '/fast /tool open_page {}', clientTools },
    'AWAITING_TOOL_RESULT',
  )
  const calls = new TypedDocumentString<{ node: { toolCalls: { id: string }[] } }, { id: string }>(
    'query ($id: ID!) { node(id: $id) { ... on Message { toolCalls { id } } } }',
  )
  const { node } = await client.request(calls, { id: messageId })
  return { toolCallId: node.toolCalls[0]?.id ?? '' }
}

/** The server has the tool `inquire`. */
async function askQuestion(client: TestClient): Promise<Conversation> {
  const text = `/fast /tool ${inquirer.name} ${JSON.stringify({ questions: [nameQuestion] })}`
  const { sendMessage: sent } = await client.request(SendMessageDocument, { input: { text } })
  const follow = { threadId: sent.thread.id, after: sent.streamCursor }
  for await (const { messageStream: event } of client.subscribe(FollowThreadDocument, follow))
    if (event.__typename === 'ElicitationRequested') return { elicitationId: event.elicitation.id }
  throw new Error('the tool asked nothing')
}

async function grantTool(client: TestClient): Promise<Conversation> {
  const { approvalId = '', approvalThreadId } = await askForApproval(client)
  await decide(client, { approvalId, decision: 'APPROVE', scope: 'THREAD' })
  const { toolGrants } = await client.request(ListToolGrantsDocument, {})
  const grant = toolGrants.nodes.find(({ thread }) => thread?.id === approvalThreadId)
  return { grantId: grant?.id ?? '' }
}

async function callTools(client: TestClient): Promise<Conversation> {
  const { messageId } = await sendUntil(client, { text: '/fast /tool get_current_time {}' }, 'COMPLETED')
  return { toolMessageId: messageId }
}

async function sendUntil(client: TestClient, input: SendMessageInput, status: string) {
  const { sendMessage: sent } = await client.request(SendMessageDocument, { input })
  const [threadId, after] = [sent.thread.id, sent.streamCursor]
  for await (const { messageStream: event } of client.subscribe(FollowThreadDocument, { threadId, after }))
    if (event.__typename === 'RunStatusChanged' && event.status === status) break
  return { threadId, after, messageId: sent.run?.message?.id ?? '' }
}
