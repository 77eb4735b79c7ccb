import type { Form } from './form.ts'
import { type ServerClient, ServerError } from './server-client.ts'

/** An event of `messageStream`, with what the command line asks of it. */
export interface StreamEvent {
  readonly __typename: string
  readonly cursor: string
  readonly threadId: string
  readonly runId: string | null
  readonly at: string
  readonly offset?: number
  readonly text?: string
  readonly status?: string
  readonly message?: { readonly role: string; readonly text: string; readonly reasoning: string | null }
  readonly run?: { readonly error: { readonly code: string; readonly message: string } | null }
  readonly reason?: string
  readonly toModelId?: string
  readonly toolCall?: ToolCall
  readonly approval?: Approval
  readonly elicitation?: Elicitation
  readonly elicitationId?: string
}

export interface Approval {
  readonly id: string
  readonly toolCall: ToolCall
}

export interface Elicitation {
  readonly id: string
  readonly message: string
  readonly requestedSchema: Form
}

export interface ToolCall {
  readonly id: string
  readonly name: string
  readonly arguments: unknown
  readonly status: string
  readonly output: string | null
}

export interface Question {
  readonly text: string
  readonly threadId: string | undefined
  readonly modelId: string | undefined
}

export interface Sent {
  readonly threadId: string
  /** Null where the server asks no model. */
  readonly runId: string | null
  readonly streamCursor: string
}

const sendMessage = `mutation SendMessage($input: SendMessageInput!) {
  sendMessage(input: $input) { thread { id } run { id } streamCursor }
}`

const cancelRun = `mutation CancelRun($runId: ID!) {
  cancelRun(input: { runId: $runId }) { run { id } }
}`

const messageStream = `subscription MessageStream($threadId: ID!, $runId: ID!, $after: String!) {
  messageStream(threadId: $threadId, runId: $runId, after: $after) {
    __typename cursor threadId runId at
    ... on TextDelta { messageId offset text }
    ... on ReasoningDelta { messageId offset text }
    ... on RunStatusChanged { status run { id modelId error { code message retryable } usage { ...Tokens } } }
    ... on RunHeartbeat { status }
    ... on ModelSwitched { fromModelId toModelId reason }
    ... on ToolCallChanged { toolCall { ...Call } }
    ... on ToolProgress { toolCallId progress total detail }
    ... on ToolApprovalRequested { approval { id expiresAt toolCall { ...Call } } }
    ... on ToolApprovalDecided { approval { id status toolCall { ...Call } } }
    ... on ElicitationRequested { elicitation { id message requestedSchema expiresAt } }
    ... on ElicitationClosed { elicitationId }
    ... on MessageSnapshot { message { ...Whole } }
    ... on MessageChanged { message { ...Whole } }
    ... on MessageFinished { message { ...Whole } }
  }
}
fragment Call on ToolCall { id name arguments status output }
fragment Whole on Message { id parentId role status text reasoning modelId }
fragment Tokens on Usage { inputTokens outputTokens totalTokens estimated }`

/** Connections in a row that may fail before an answer is given up; the answer itself goes on without us. */
const maxFailures = 5

export async function send(client: ServerClient, question: Question, signal: AbortSignal): Promise<Sent> {
  const { sendMessage: sent } = await client.request<{
    sendMessage: { thread: { id: string }; run: { id: string } | null; streamCursor: string }
  }>(sendMessage, { input: question }, signal)
  return { threadId: sent.thread.id, runId: sent.run?.id ?? null, streamCursor: sent.streamCursor }
}

export async function cancel(client: ServerClient, runId: string, signal: AbortSignal): Promise<void> {
  await client.request(cancelRun, { runId }, signal)
}

/** Every event of a run, once and in order, across lost connections. */
export async function* follow(
  client: ServerClient,
  { threadId, streamCursor }: Sent,
  runId: string,
  signal: AbortSignal,
): AsyncGenerator<StreamEvent, void> {
  let after = streamCursor
  for (let failures = 0; ; ) {
    const variables = { threadId, runId, after }
    try {
      for await (const data of client.subscribe<{ messageStream: StreamEvent }>(messageStream, variables, signal)) {
        failures = 0
        after = data.messageStream.cursor
        yield data.messageStream
      }
      return
    } catch (error) {
      failures += 1
      const mayTryAgain = error instanceof ServerError && error.isConnection && failures < maxFailures
      if (!mayTryAgain) throw error
      await pause(200 * 2 ** failures, signal)
    }
  }
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop)
      resolve()
    }, milliseconds)
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })
}
