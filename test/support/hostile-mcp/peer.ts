/** A JSON-RPC message, taken as it comes. */
export interface Message {
  readonly jsonrpc?: '2.0'
  readonly id?: string | number
  readonly method?: string
  readonly params?: Readonly<Record<string, unknown>>
  readonly result?: unknown
  readonly error?: { readonly code: number; readonly message: string }
}

/** The client, as a hostile server sees it. */
export interface Peer {
  /** Sends anything that JSON can say, as one message. */
  send(message: unknown): void
  /** Writes bytes as they are; returns when they have left. */
  write(bytes: string | Uint8Array): void
  /** Asks the client something; resolves with its whole answer. */
  ask(method: string, params?: object): Promise<Message>
  readonly seen: Seen
}

/** What a server has seen of its client since it was started. */
export interface Seen {
  /** How often each method was asked or notified. */
  readonly methods: Record<string, number>
  /** The `requestId` of each `notifications/cancelled`. */
  readonly cancelled: unknown[]
  /** How many of its questions were answered. */
  answers: number
}

/** What a server does instead of behaving well. What is left out, it does well. */
export interface Behaviour {
  /** Before the client has said anything. */
  start?(peer: Peer): void
  initialize?(request: Message, peer: Peer): void
  /** After `notifications/initialized`. */
  initialized?(peer: Peer): void
  /** Answers `tools/list`; the result, or nothing where it has answered by itself or does not answer. */
  list?(request: Message, peer: Peer): object | undefined
  readonly tools?: readonly HostileTool[]
}

export interface HostileTool {
  /** The tool as it is listed; its `inputSchema`, where left out, takes anything. */
  readonly definition: Readonly<Record<string, unknown>> & { readonly name: string }
  /** Answers `tools/call`, as `list`. */
  call(request: Message, peer: Peer): object | undefined
}

export function text(value: string): object {
  return { content: [{ type: 'text', text: value }] }
}

export function tool(name: string, call: HostileTool['call'], definition: object = {}) {
  return { definition: { inputSchema: { type: 'object' }, ...definition, name }, call }
}

export const goodInitializeResult = {
  protocolVersion: '2025-06-18',
  capabilities: { tools: { listChanged: true } },
  serverInfo: { name: 'hostile', version: '1.0.0' },
}

/** Every server has these two. */
const echo = tool('echo', ({ params }) => text(String((params?.arguments as { text?: unknown } | undefined)?.text)))
const report = tool('report', (_request, { seen }) => text(JSON.stringify(seen)))

export function toolsOf({ tools = [] }: Behaviour): readonly HostileTool[] {
  return [echo, report, ...tools]
}

/** Answers a message of the client's as the behaviour says. */
export function handle(behaviour: Behaviour, message: Message, peer: Peer): void {
  const { method = '', id } = message
  peer.seen.methods[method] = (peer.seen.methods[method] ?? 0) + 1
  if (method === 'notifications/cancelled') peer.seen.cancelled.push(message.params?.requestId)
  if (method === 'notifications/initialized') behaviour.initialized?.(peer)
  if (id === undefined) return
  const result = resultOf(behaviour, message, peer)
  if (result !== undefined) peer.send({ jsonrpc: '2.0', id, result })
}

function resultOf(behaviour: Behaviour, message: Message, peer: Peer): object | undefined {
  switch (message.method) {
    case 'initialize':
      return behaviour.initialize ? void behaviour.initialize(message, peer) : goodInitializeResult
    case 'ping':
      return {}
    case 'tools/list':
      if (behaviour.list) return behaviour.list(message, peer)
      return { tools: toolsOf(behaviour).map(({ definition }) => definition) }
    case 'tools/call': {
      const asked = toolsOf(behaviour).find(({ definition }) => definition.name === message.params?.name)
      return asked ? asked.call(message, peer) : { ...text('no such tool'), isError: true }
    }
    default:
      peer.send({ jsonrpc: '2.0', id: message.id, error: { code: -32601, message: 'Method not found' } })
      return undefined
  }
}
