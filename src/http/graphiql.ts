import { renderGraphiQL } from '@graphql-yoga/render-graphiql'
import type { GraphiQLOptions } from 'graphql-yoga'

/** What the variables of an example hold until a message was sent; `fillInScript` puts the message's own there. */
const placeholders = { threadId: '(the thread of your last message)', after: '(its streamCursor)' }

/**
 * They can be run one after the other as they are. The first one has no variables: those of the tab that is open when
 * the page loads are lost.
 */
const tabs: readonly { readonly query: string; readonly variables?: object }[] = [
  {
    query: `# 1. Say something. This creates a thread, stores
#    your message and starts an answer.
#    Press the button, then go to the next tab.
mutation SendMessage {
  sendMessage(input: {
    text: "Hello! What can you do?"
  }) {
    thread { id }
    message { id text }
    run { id status modelId }
    streamCursor
  }
}
`,
  },
  {
    query: `# 2. Watch the answer, event by event. Leave the
#    variables as they are: this page puts in
#    what your message gave.
subscription MessageStream(
  $threadId: ID!
  $after: String
) {
  messageStream(threadId: $threadId, after: $after) {
    __typename
    cursor
    ... on TextDelta { offset text }
    ... on ReasoningDelta { offset text }
    ... on MessageSnapshot { message { id text } }
    ... on MessageChanged { message { id role text } }
    ... on MessageFinished { message { id text } }
    ... on RunStatusChanged {
      status
      run {
        message { text }
        usage { inputTokens outputTokens }
        error { code message }
      }
    }
  }
}
`,
    variables: placeholders,
  },
  {
    query: `# 3. What was said: the newest threads, each
#    with its newest branch.
query Threads {
  threads(first: 10) {
    totalCount
    nodes {
      id
      title
      updatedAt
      branch(first: 20) {
        nodes { id role status text }
      }
    }
  }
}
`,
  },
  {
    query: `# 4. Who can answer.
query Models {
  models {
    id
    name
    isDefault
    provider { id kind health error }
  }
  server { name version features }
}
`,
  },
]

/** For a subscription over WebSocket whose variables still are the placeholders. */
const fillInScript = `
{
  const placeholders = ${JSON.stringify(placeholders)}
  let last = {}
  const remember = ({ data }) => {
    for (const payload of Object.values(data ?? {})) {
      if (payload?.streamCursor && payload.thread) last = { threadId: payload.thread.id, after: payload.streamCursor }
    }
  }
  const { fetch } = globalThis
  globalThis.fetch = async (...request) => {
    const response = await fetch(...request)
    response.clone().json().then(remember).catch(() => {})
    return response
  }
  const { send } = WebSocket.prototype
  WebSocket.prototype.send = function (frame) {
    const message = JSON.parse(frame)
    const variables = message.payload?.variables ?? {}
    for (const name of Object.keys(last)) {
      if (variables[name] === placeholders[name]) variables[name] = last[name]
    }
    return send.call(this, JSON.stringify(message))
  }
}
`

const bubble =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="24" height="24" fill="#7433ff"><path d="M4 3h16a2 2 0 0 1 2 2v10a2 2 0 0 1-2 2h-8l-6 5v-5H4a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2z"/></svg>'

/**
 * No endpoint is given: the page takes its own address, for WebSocket too, which is right behind any path prefix and
 * any proxy.
 */
export const graphiqlOptions: GraphiQLOptions = {
  title: 'Parley',
  logo: bubble,
  favicon: `data:image/svg+xml,${encodeURIComponent(bubble)}`,
  subscriptionsProtocol: 'WS',
  defaultTabs: tabs.map(({ query, variables }) => ({
    query,
    ...(variables && { variables: JSON.stringify(variables, null, 2) }),
  })),
  schemaDescription: true,
}

/** The whole page, which loads nothing else. */
export function renderPage(options: GraphiQLOptions): string {
  return renderGraphiQL(options).replace('<script>', () => `<script>${fillInScript}</script>\n<script>`)
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
