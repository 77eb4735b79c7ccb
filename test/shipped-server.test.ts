import { auditServer } from 'graphql-http'
import { expect, test } from 'vitest'
import { RawWebSocket } from './support/raw-websocket.ts'
import { startTestServer } from './support/server.ts'

const tooDear = {
  query: '{ threads(first: 100) { nodes { messages(first: 100) { nodes { siblings { thread { id } } } } } } }',
  subscription: `subscription {
    messageStream(threadId: "thread_x") {
      ... on RunStatusChanged { run { thread { threads: messages(first: 100) { nodes { siblings { siblings { siblings { id } } } } } } } }
    }
  }`,
}

test('an operation that costs too much is refused on every transport before anything of it is executed', async () => {
  await using server = await startTestServer()
  for (const query of Object.values(tooDear)) {
    const response = await fetch(server.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify({ query }),
    })
    expect(await response.text()).toContain('at most 20000 is served')

    await using raw = await RawWebSocket.open(server.webSocketUrl)
    raw.subscribe('1', query)
    const frame = await raw.nextFrame()
    expect(JSON.stringify(frame)).toContain('at most 20000 is served')
    expect(JSON.stringify(frame)).toContain('BAD_USER_INPUT')
  }
})

test('the server as shipped passes every audit of GraphQL over HTTP', async () => {
  await using server = await startTestServer()
  const results = await auditServer({ url: server.url, fetchFn: fetch })
  expect(results.length).toBeGreaterThanOrEqual(61)
  expect(results.filter(({ status }) => status !== 'ok').map(({ name, status }) => `${status}: ${name}`)).toEqual([])
})
