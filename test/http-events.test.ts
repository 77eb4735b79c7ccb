import { describe, expect, test } from 'vitest'
import { RequestError } from '../src/platform/errors.ts'
import { startHttpFixture } from './support/http-fixture.ts'
import { recordedDelta } from './support/stream-schema.ts'

const query = 'subscription { messageStream(threadId: "t") { ... on TextDelta { text } } }'
const events = { accept: 'text/event-stream' }

/** Reads an event stream's blocks, without its comments. */
async function* blocksOf(response: Response): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const blocks = (rest + chunk).split('\n\n')
    rest = blocks.pop() ?? ''
    yield* blocks.filter((block) => !block.startsWith(':'))
  }
}

describe('Server-sent events', () => {
  test.each(['GET', 'POST'])('carry a subscription that is asked for with %s', async (method) => {
    await using fixture = await startHttpFixture()
    const response =
      method === 'GET'
        ? await fetch(`${fixture.endpoint}?query=${encodeURIComponent(query)}`, { headers: events })
        : await fetch(fixture.endpoint, {
            method,
            headers: { ...events, 'content-type': 'application/json' },
            body: JSON.stringify({ query }),
          })
    expect(response.headers.get('content-type')).toContain('text/event-stream')
    expect(fixture.server.connectedClients()).toBe(1)
    const feed = await fixture.feed(0)
    const blocks = blocksOf(response)
    feed.push(recordedDelta('Hello'), recordedDelta('\n'))
    expect((await blocks.next()).value).toBe('event: next\ndata: {"data":{"messageStream":{"text":"Hello"}}}')
    expect((await blocks.next()).value).toBe('event: next\ndata: {"data":{"messageStream":{"text":"\\n"}}}')
    feed.complete()
    expect((await blocks.next()).value).toBe('event: complete\ndata:')
    expect((await blocks.next()).done).toBe(true)
  })

  test('end their source when the client goes away, also while the source waits', async () => {
    await using fixture = await startHttpFixture()
    const controller = new AbortController()
    const url = `${fixture.endpoint}?query=${encodeURIComponent(query)}`
    await fetch(url, { headers: events, signal: controller.signal })
    const feed = await fixture.feed(0)
    controller.abort()
    await feed.returns
    await expect.poll(() => fixture.server.connectedClients()).toBe(0)
  })

  test('give the code of a source that fails, then complete', async () => {
    await using fixture = await startHttpFixture()
    const response = await fetch(`${fixture.endpoint}?query=${encodeURIComponent(query)}`, { headers: events })
    ;(await fixture.feed(0)).fail(new RequestError('SLOW_CONSUMER', 'Too slow.'))
    const blocks = await Array.fromAsync(blocksOf(response))
    expect(blocks).toEqual([
      'event: next\ndata: {"errors":[{"message":"Too slow.","extensions":{"code":"SLOW_CONSUMER"}}]}',
      'event: complete\ndata:',
    ])
  })

  test('break off, without complete, when the server goes away', async () => {
    await using fixture = await startHttpFixture()
    const response = await fetch(`${fixture.endpoint}?query=${encodeURIComponent(query)}`, { headers: events })
    const feed = await fixture.feed(0)
    const read = Array.fromAsync(blocksOf(response))
    await fixture.server.closeSockets()
    await feed.returns
    await expect(read).rejects.toThrow()
  })

  test('wait for a client that does not read', async () => {
    await using fixture = await startHttpFixture()
    const response = await fetch(`${fixture.endpoint}?query=${encodeURIComponent(query)}`, { headers: events })
    const feed = await fixture.feed(0)
    const text = 'x'.repeat(1_000_000)
    feed.push(...Array.from({ length: 50 }, () => recordedDelta(text)))
    for await (const block of blocksOf(response)) {
      expect(block.length).toBeGreaterThan(1_000_000)
      expect(feed.waiting).toBeGreaterThan(0)
      break
    }
    await feed.returns
  })

  test('carry a query too, as one event', async () => {
    await using fixture = await startHttpFixture()
    const response = await fetch(`${fixture.endpoint}?query={greeting}`, { headers: events })
    expect(await response.text()).toBe(
      'event: next\ndata: {"data":{"greeting":"Hello, you!"}}\n\nevent: complete\ndata:\n\n',
    )
  })

  test('are what a subscription needs: without, it is not acceptable, and its source ends', async () => {
    await using fixture = await startHttpFixture()
    const url = `${fixture.endpoint}?query=${encodeURIComponent(query)}`
    expect((await fetch(url, { headers: { accept: 'application/json' } })).status).toBe(406)
    await (await fixture.feed(0)).returns
  })
})
