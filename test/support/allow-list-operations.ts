import type { Response } from './client.ts'
import type { Conversation, Session } from './listed-users.ts'

/** One way to reach a thread, or something in it. */
export interface ThreadOperation {
  /** Where the thread is not to be seen, the last of its responses is NOT_FOUND, and nothing has changed. */
  readonly changes: boolean
  /** It needs a run that waits. */
  readonly decides?: boolean
  act(session: Session, conversation: Conversation): Promise<readonly Response<unknown>[]>
}

const everythingOfMessage = `
  id text parentId parent { id } siblings { id text } run { id status } usage { totalTokens }
  thread { id title metadata }
`
const everythingOfRun = `
  id status usage { totalTokens } thread { id metadata } userMessage { id text } message { id text }
`
const everythingOfThread = `
  id title metadata streamCursor
  messages { nodes { ${everythingOfMessage} } totalCount }
  branch { nodes { id text } totalCount }
  runs { nodes { ${everythingOfRun} } totalCount }
  activeRun { id } providerThreads { providerId } usage { totalTokens }
`

function query(selection: string, variables: (conversation: Conversation) => object): ThreadOperation {
  return {
    changes: false,
    act: async (session, conversation) => [await session.respond(selection, variables(conversation))],
  }
}

/** A mutation by its name, the type of its input, and what it selects. */
function mutation(name: string, selection: string, input: (conversation: Conversation) => object): ThreadOperation {
  const type = `${name[0]?.toUpperCase()}${name.slice(1)}Input`
  return {
    changes: true,
    act: async (session, conversation) => [
      await session.respond(`mutation ($input: ${type}!) { ${name}(input: $input) { ${selection} } }`, {
        input: input(conversation),
      }),
    ],
  }
}

function deciding(name: string, selection: string, input: (conversation: Conversation) => object): ThreadOperation {
  return { ...mutation(name, selection, input), decides: true }
}

const sent = 'streamCursor message { id } run { id }'

/** Every operation that takes a thread's id, or the id of something in a thread. */
export const operationsOnThreads: Readonly<Record<string, ThreadOperation>> = {
  thread: query(`query ($id: ID!) { thread(id: $id) { ${everythingOfThread} } }`, ({ threadId }) => ({ id: threadId })),
  'node of a thread': query(
    `query ($id: ID!) { node(id: $id) { id ... on Thread { ${everythingOfThread} } } }`,
    ({ threadId }) => ({ id: threadId }),
  ),
  'node of a message': query(
    `query ($id: ID!) { node(id: $id) { id ... on Message { ${everythingOfMessage} } } }`,
    ({ answerId }) => ({ id: answerId }),
  ),
  'node of a tool call': query(
    'query ($id: ID!) { node(id: $id) { id ... on ToolCall { arguments message { text } approval { toolName } } } }',
    ({ toolCallId }) => ({ id: toolCallId }),
  ),
  'node of an approval': query(
    'query ($id: ID!) { node(id: $id) { id ... on ToolApproval { arguments thread { id } toolCall { name } } } }',
    ({ approvalId }) => ({ id: approvalId }),
  ),
  toolApprovals: query(
    'query ($threadId: ID!) { toolApprovals(threadId: $threadId) { nodes { id toolName } totalCount } }',
    ({ threadId }) => ({ threadId }),
  ),
  'node of a run': query(
    `query ($id: ID!) { node(id: $id) { id ... on Run { ${everythingOfRun} } } }`,
    ({ runId }) => ({ id: runId }),
  ),
  nodes: query(
    `query ($ids: [ID!]!) {
      nodes(ids: $ids) { id ... on Thread { ${everythingOfThread} } ... on Message { text } ... on Run { status } }
    }`,
    ({ threadId, questionId, answerId, runId }) => ({ ids: [threadId, questionId, answerId, runId] }),
  ),
  decideToolApproval: deciding('decideToolApproval', 'approval { id }', ({ approvalId }) => ({
    approvalId,
    decision: 'DENY',
  })),
  submitToolResult: deciding('submitToolResult', 'toolCall { id }', ({ toolCallId }) => ({
    toolCallId,
    result: 'Done',
  })),
  messageStream: followed(({ threadId, streamCursor }) => ({ threadId, after: streamCursor })),
  'messageStream of a run': followed(({ threadId, runId }) => ({ threadId, runId })),

  updateThread: mutation('updateThread', 'thread { id }', ({ threadId }) => ({ threadId, title: 'Changed' })),
  'updateThread of the metadata': mutation('updateThread', 'thread { id }', ({ threadId }) => ({
    threadId,
    metadata: null,
  })),
  setProviderThread: mutation('setProviderThread', 'thread { id }', ({ threadId }) => ({
    threadId,
    providerId: 'scripted',
    state: { conversation_id: 'c' },
  })),
  sendMessage: mutation('sendMessage', sent, ({ threadId }) => ({ threadId, text: 'Again' })),
  'sendMessage without a model': mutation('sendMessage', sent, ({ threadId }) => ({
    threadId,
    text: 'Again',
    respond: false,
  })),
  'sendMessage that interrupts': mutation('sendMessage', sent, ({ threadId }) => ({
    threadId,
    text: 'Again',
    whenBusy: 'INTERRUPT',
  })),
  'sendMessage after a message': mutation('sendMessage', sent, ({ threadId, questionId }) => ({
    threadId,
    text: 'Again',
    parentId: questionId,
  })),
  regenerateMessage: mutation('regenerateMessage', sent, ({ answerId }) => ({ messageId: answerId })),
  editMessage: mutation('editMessage', sent, ({ questionId }) => ({ messageId: questionId, text: 'Otherwise' })),
  updateMessage: mutation('updateMessage', 'message { id }', ({ answerId }) => ({ messageId: answerId, text: 'New' })),
  cancelRun: mutation('cancelRun', 'run { id }', ({ runId }) => ({ runId })),
  clearThread: mutation('clearThread', 'thread { id }', ({ threadId }) => ({ threadId })),
  deleteThread: mutation('deleteThread', 'thread { id }', ({ threadId }) => ({ threadId })),
  restoreThread: mutation('restoreThread', 'thread { id }', ({ threadId }) => ({ threadId })),
  purgeThread: mutation('purgeThread', 'threadId', ({ threadId }) => ({ threadId })),
}

/** Its first result, which a refusal is too. */
function followed(
  variables: (conversation: Conversation) => { threadId: string; runId?: string; after?: string },
): ThreadOperation {
  return {
    changes: false,
    async act(session, conversation) {
      for await (const { data, errors } of session.follow(variables(conversation))) return [{ data, errors }]
      return []
    },
  }
}
