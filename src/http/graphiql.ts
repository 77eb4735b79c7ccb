import { renderGraphiQL } from '@graphql-yoga/render-graphiql'
import type { GraphiQLOptions } from 'graphql-yoga'
import { approvalPlaceholders, pageScript, placeholders, withConnectionParams } from './graphiql-script.ts'

interface Tab {
  readonly query: string
  readonly variables?: object
}

const ownToken = `#    With a token of your own, put it into Headers,
#    below, in each tab that you use:
#    {"authorization": "Bearer …"}`

/** Where this server has accounts. */
const signInTab: Tab = {
  query: `# 0. This server asks who you are. With an account
#    here, put in your name and password, and press
#    the button: this page signs in with what it gets,
#    until you close it. Where nobody has an account
#    yet, go to the next tab.
${ownToken}
#    The arrow on the left then fetches the schema.
mutation SignIn {
  login(input: { username: "", password: "" }) {
    accessToken
    expiresAt
    user { username role }
  }
}
`,
}

const registerTab: Tab = {
  query: `# 0. The first account, and the first ADMIN. Later
#    ones are made by an ADMIN, who stays signed in.
mutation Register {
  register(input: { username: "", password: "" }) {
    user { username role }
    session { accessToken expiresAt }
  }
}
`,
}

/** Where another service gives out the tokens. */
const tokenTab: Tab = {
  query: `# 0. This server asks who you are.
${ownToken}
query WhoAmI {
  viewer { id username role }
}
`,
}

/** How people sign in: with accounts of this server, with tokens of another service; null: not on this page. */
export type SignIn = 'accounts' | 'tokens' | null

/**
 * They can be run one after the other as they are. The first one has no variables: those of the tab that is open when
 * the page loads are lost.
 */
const tabs: readonly Tab[] = [
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
    ... on ToolCallChanged {
      toolCall { name arguments status output }
    }
    ... on ToolApprovalRequested {
      approval { id toolCall { name arguments } }
    }
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
  {
    query: `# 5. What models can ask for, where it is from, and
#    which calls wait for your decision.
query Tools {
  tools { name description source approvalPolicy }
  mcpServers { id status error }
  pendingApprovals(first: 10) {
    totalCount
    nodes { id toolName arguments requestedAt }
  }
}
`,
  },
  {
    query: `# 6. Let a call run, or say DENY. This decides on the
#    oldest one that the tab before this has shown.
mutation Decide($approvalId: ID!) {
  decideToolApproval(input: {
    approvalId: $approvalId
    decision: APPROVE
    scope: ONCE
  }) {
    approval { status toolName arguments }
    run { id status }
  }
}
`,
    variables: approvalPlaceholders,
  },
]

const bubble =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="24" height="24" fill="#7433ff"><path d="M4 3h16a2 2 0 0 1 2 2v10a2 2 0 0 1-2 2h-8l-6 5v-5H4a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2z"/></svg>'

/**
 * No endpoint is given: the page takes its own address, for WebSocket too, which is right behind any path prefix and
 * any proxy.
 */
export function graphiqlOptions(signIn: SignIn): GraphiQLOptions {
  return {
    title: 'Parley',
    logo: bubble,
    favicon: `data:image/svg+xml,${encodeURIComponent(bubble)}`,
    subscriptionsProtocol: 'WS',
    defaultTabs: [...signInTabs(signIn), ...tabs].map(({ query, variables }) => ({
      query,
      ...(variables && { variables: JSON.stringify(variables, null, 2) }),
    })),
    schemaDescription: true,
  }
}

function signInTabs(signIn: SignIn): readonly Tab[] {
  if (signIn === null) return []
  return signIn === 'accounts' ? [signInTab, registerTab] : [tokenTab]
}

/** Whether a request is a browser's for this page, as Yoga tells it. */
export function asksForPage(method: string | undefined, accept: string | null | undefined): boolean {
  return method === 'GET' && accept?.includes('text/html') === true
}

/** The whole page, which loads nothing else. */
export function renderPage(options: GraphiQLOptions): string {
  const page = withConnectionParams(renderGraphiQL(options))
  return page.replace('<script>', () => `<script>${pageScript}</script>\n<script>`)
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
