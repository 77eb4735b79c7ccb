import type { GraphiQLOptions } from 'graphql-yoga'

/** Made so that the first tab's answer gives the ids that the others ask for. */
const tabs = [
  {
    query: `# 1. Say something: this creates a thread, stores your message and starts an answer.
# Then put the thread's id and the cursor into the second tab's variables to see all of it.
mutation SendMessage($input: SendMessageInput!) {
  sendMessage(input: $input) {
    thread { id title }
    message { id text }
    run { id status modelId }
    streamCursor
  }
}
`,
    variables: { input: { text: 'Hello! What can you do?' } },
  },
  {
    query: `# 2. Watch a thread: every token of every answer, as it comes. It stays open across messages.
subscription MessageStream($threadId: ID!, $after: String) {
  messageStream(threadId: $threadId, after: $after) {
    __typename
    cursor
    ... on TextDelta { messageId offset text }
    ... on ReasoningDelta { messageId offset text }
    ... on RunStatusChanged { status }
    ... on MessageSnapshot { message { id role status text } }
    ... on MessageChanged { message { id role status text } }
    ... on MessageFinished { message { id status text usage { inputTokens outputTokens } } }
  }
}
`,
    variables: { threadId: 'thread_…', after: null },
  },
  {
    query: `# 3. What was said: the newest threads, each with its newest branch.
query Threads {
  threads(first: 10) {
    totalCount
    nodes {
      id
      title
      updatedAt
      branch(first: 20) { nodes { id role status text } }
    }
  }
}
`,
    variables: {},
  },
  {
    query: `# 4. Who can answer.
query Models {
  models { id name isDefault provider { id kind health error } }
  server { name version features connectedClients }
}
`,
    variables: {},
  },
]

/**
 * No endpoint is given: the page takes its own address, for WebSocket too, which is right behind any path prefix and
 * any proxy.
 */
export const graphiqlOptions: GraphiQLOptions = {
  title: 'Parley',
  subscriptionsProtocol: 'WS',
  defaultTabs: tabs.map(({ query, variables }) => ({ query, variables: JSON.stringify(variables, null, 2) })),
  schemaDescription: true,
}

/** What the page may load and reach: itself, and this server. */
export const graphiqlPolicy = [
  "default-src 'none'",
  "script-src 'unsafe-inline' 'unsafe-eval' blob:",
  'worker-src blob:',
  "style-src 'unsafe-inline'",
  'font-src data:',
  "img-src 'self' data:",
  "connect-src 'self' ws: wss:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')
