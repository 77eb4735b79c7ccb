/** What the variables of an example hold until a message was sent; `pageScript` puts the message's own there. */
export const placeholders = { threadId: '(the thread of your last message)', after: '(its streamCursor)' }

/** Likewise, until approvals that wait were listed. */
export const approvalPlaceholders = { approvalId: '(the oldest approval that waits)' }

/**
 * What the page does besides GraphiQL. It puts what the last message, or the last list of approvals, gave into an operation
 * whose variables still are the placeholders. And it signs in with the access token that the last login gave, held in its memory alone, wherever
 * the tab's headers say nothing else.
 */
export const pageScript = `
{
  const placeholders = ${JSON.stringify({ ...placeholders, ...approvalPlaceholders })}
  let last = {}
  let accessToken = null
  const remember = ({ data }) => {
    for (const payload of Object.values(data ?? {})) {
      if (payload?.streamCursor && payload.thread) last = { ...last, threadId: payload.thread.id, after: payload.streamCursor }
      if (payload?.nodes?.[0]?.toolName) last = { ...last, approvalId: payload.nodes[0].id }
      accessToken = payload?.accessToken ?? payload?.session?.accessToken ?? accessToken
    }
  }
  const withToken = (headers) => {
    const isGiven = Object.keys(headers).some((name) => name.toLowerCase() === 'authorization')
    return isGiven || accessToken === null ? headers : { ...headers, authorization: 'Bearer ' + accessToken }
  }
  const fill = (variables) => {
    for (const name of Object.keys(last)) {
      if (variables[name] === placeholders[name]) variables[name] = last[name]
    }
  }
  const withLast = (body) => {
    if (typeof body !== 'string' || !body.startsWith('{')) return body
    const request = JSON.parse(body)
    fill(request.variables ?? {})
    return JSON.stringify(request)
  }
  const { fetch } = globalThis
  globalThis.fetch = async (resource, init) => {
    const headers = withToken(Object.fromEntries(new Headers(init?.headers)))
    const response = await fetch(resource, { ...init, headers, body: withLast(init?.body) })
    response.clone().json().then(remember).catch(() => {})
    return response
  }
  const { send } = WebSocket.prototype
  WebSocket.prototype.send = function (frame) {
    const message = JSON.parse(frame)
    if (message.type === 'connection_init') message.payload = withToken(message.payload ?? {})
    // The headers that the connection began with.
    if (message.type === 'subscribe') delete message.payload.extensions
    fill(message.payload?.variables ?? {})
    return send.call(this, JSON.stringify(message))
  }
}
`

/**
 * Yoga's page gives a tab's headers to HTTP alone, and sends `{}` as a WebSocket's `connectionParams`: here it gives
 * them to both. Its executor takes them from an operation's extensions.
 */
export function withConnectionParams(page: string): string {
  return page.replace(
    /extensions:\{headers:(\w+)\?\.headers\}/,
    (_, request: string) => `extensions:{headers:${request}?.headers,connectionParams:${request}?.headers}`,
  )
}
