import fc from 'fast-check'
import { execute, parse } from 'graphql'
import { describe, expect, test } from 'vitest'
import type { Viewer } from '../src/auth/viewer.ts'
import { createSchema } from '../src/graphql/schema.ts'
import { createDeltaTemplates } from '../src/http/delta-template.ts'
import type { Recorded } from '../src/runs/run-event.ts'
import { localViewer, startHttpFixture } from './support/http-fixture.ts'
import { RawWebSocket } from './support/raw-websocket.ts'
import { createStreamSchema, recordedDelta } from './support/stream-schema.ts'

const schema = createStreamSchema({
  messageStream: () => {
    throw new Error('not subscribed to')
  },
})

/** What the template of an operation gives, and what executing it gives; the first is undefined without a template. */
async function bothWays(query: string, delta: Recorded, variables: Record<string, unknown> = {}, of = schema) {
  const args = { schema: of, document: parse(query), variableValues: variables }
  const { type } = delta.event
  const template = type === 'text-delta' || type === 'reasoning-delta' ? createDeltaTemplates(args)[type] : undefined
  const executed = await execute({ ...args, rootValue: delta, contextValue: {} })
  // biome-ignore lint/suspicious/noExplicitAny: the type of the event was looked at above
  return { template: template?.(delta as any), executed: JSON.stringify(executed) }
}

const allFields = '__typename cursor threadId runId at messageId offset text'
const leaves = allFields.split(' ')

describe('A delta', () => {
  test('is written from the template as execution writes it, for any selection and text', async () => {
    const alias = fc.constantFrom('', 'a: ', '_x1: ', '__proto__: ', 'constructor: ')
    const condition = fc.constantFrom(
      '',
      ' @include(if: $yes)',
      ' @skip(if: $yes)',
      ' @include(if: $no)',
      ' @skip(if: false)',
    )
    const interfaceField = fc
      .tuple(alias, fc.constantFrom('__typename', 'cursor', 'threadId', 'runId', 'at'), condition)
      .map((parts) => parts.join(''))
    const field = fc.tuple(alias, fc.constantFrom(...leaves), condition).map((parts) => parts.join(''))
    const onType = fc
      .tuple(fc.constantFrom('TextDelta', 'ReasoningDelta'), condition, fc.array(field, { minLength: 1, maxLength: 6 }))
      .map(([type, directive, fields]) => `... on ${type}${directive} { ${fields.join(' ')} }`)
    const spread = fc.constantFrom('...F', '...F @skip(if: $yes)', '...G', '... on MessageStreamEvent { at }')
    const selection = fc.array(fc.oneof(interfaceField, onType, spread), { minLength: 1, maxLength: 6 })
    const text = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.constantFrom('\ud800', '\u2028"\\\n', ''))
    await fc.assert(
      fc.asyncProperty(
        selection,
        alias,
        text,
        fc.option(fc.string()),
        fc.nat(),
        fc.constantFrom('text-delta' as const, 'reasoning-delta' as const),
        async (fields, root, content, runId, offset, type) => {
          const query = `subscription ($yes: Boolean! = true, $no: Boolean!) {
            ${root}messageStream(threadId: "t") { __typename ${fields.join(' ')} }
          }
          fragment F on TextDelta { text offset b: text }
          fragment G on MessageStreamEvent { cursor ...F ... on ReasoningDelta { text } }`
          const delta = recordedDelta('', { event: { type, text: content }, runId, offset, at: offset * 1000 })
          const { template, executed } = await bothWays(query, delta, { no: false })
          // Execution of what validation refuses (an alias with two meanings) takes the first; so does the template.
          expect(template).toBe(executed)
        },
      ),
      { numRuns: 500 },
    )
  })

  test("is written as the product's own schema writes it", async () => {
    const product = createSchema()
    const query = `subscription ($id: ID!) { messageStream(threadId: $id) {
      __typename ... on MessageStreamEvent { at id: threadId } ... on TextDelta { ${allFields} }
      ... on ReasoningDelta { ${allFields} } ... on MessageSnapshot { message { id } } } }`
    for (const type of ['text-delta', 'reasoning-delta'] as const) {
      for (const runId of ['run_1', null]) {
        const delta = recordedDelta('', { event: { type, text: 'a"\u2028\ud800' }, runId })
        const { template, executed } = await bothWays(query, delta, { id: 'thread_1' }, product)
        expect(executed).toContain('"text":')
        expect(template).toBe(executed)
      }
    }
  })

  test.each([
    ['another field', 'subscription { ticks }'],
    ['no operation', 'fragment F on TextDelta { text }'],
  ])('has no template where the operation is of %s', (_, query) => {
    expect(createDeltaTemplates({ schema, document: parse(query) })).toEqual({})
  })

  test('arrives over WebSocket byte for byte as an execution would, in order with what is executed', async () => {
    await using fixture = await startHttpFixture()
    await using raw = await RawWebSocket.open(fixture.webSocketUrl)
    const query = `subscription { s: messageStream(threadId: "t") {
      ... on TextDelta { ${allFields} } ... on MessageSnapshot { message { id text } } } }`
    raw.subscribe('a "quoted" id', query)
    const feed = await fixture.feed(0)
    const snapshot = recordedDelta('', {
      messageId: null,
      event: { type: 'message-snapshot', messageId: 'm', text: 'abc', reasoning: null },
    })
    const events = [
      recordedDelta('a'),
      snapshot,
      recordedDelta('b', { offset: 1 }),
      recordedDelta('c', { messageId: null }),
    ]
    feed.push(...events)
    for (const event of events) {
      const { executed } = await bothWays(query, event)
      const [id, text] = [JSON.stringify('a "quoted" id'), await raw.next()]
      if (event.messageId === null && event.event.type === 'text-delta') expect(text).toContain('INTERNAL')
      else expect(text).toBe(`{"id":${id},"type":"next","payload":${executed}}`)
    }
  })
})

describe('Subscribers that want the same', () => {
  const query =
    'subscription ($after: String) { messageStream(threadId: "t", after: $after) { ... on MessageSnapshot { message { text } } } }'
  const snapshot = recordedDelta('', {
    messageId: null,
    event: { type: 'message-snapshot', messageId: 'm', text: 'abc', reasoning: null },
  })

  test('share one execution of each event, whatever cursor they started from', async () => {
    let executions = 0
    await using fixture = await startHttpFixture({ onMessage: () => void executions++ })
    await using raw = await RawWebSocket.open(fixture.webSocketUrl)
    for (const id of ['0', '1', '2']) {
      raw.subscribe(id, query, { after: id })
      await fixture.feed(Number(id))
    }
    for (const feed of fixture.feeds) feed.push(snapshot)
    const ids = new Set<unknown>()
    for (let frames = 0; frames < 3; frames += 1) {
      const frame = await raw.nextFrame()
      expect(frame.payload).toEqual({ data: { messageStream: { message: { text: 'abc' } } } })
      ids.add(frame.id)
    }
    expect(ids.size).toBe(3)
    expect(executions).toBe(1)
  })

  test.each([
    ['users', { id: 'b' }],
    ['roles of one user', { role: 'VIEWER' }],
    ['lists of one user', { allowedProducts: ['shop'] }],
  ] as const)('do not share across %s', async (_, other) => {
    const viewer: Viewer = { ...localViewer, id: 'a', role: 'USER', allowedProducts: [], allowedAgents: [] }
    let executions = 0
    await using fixture = await startHttpFixture({
      onMessage: () => void executions++,
      authenticate: async ({ connectionParams }) => (connectionParams?.isOther ? { ...viewer, ...other } : viewer),
    })
    await using sockets = new AsyncDisposableStack()
    const opened: RawWebSocket[] = []
    for (const isOther of [false, true, true]) {
      const raw = sockets.use(await RawWebSocket.open(fixture.webSocketUrl, { init: false }))
      raw.send({ type: 'connection_init', payload: { isOther } })
      await raw.nextFrame()
      raw.subscribe('1', query)
      const feed = await fixture.feed(opened.push(raw) - 1)
      // Whoever has got something has joined.
      feed.push(recordedDelta('a'))
      await raw.nextFrame()
    }
    for (const feed of fixture.feeds) feed.push(snapshot)
    for (const raw of opened) expect(await raw.nextFrame()).toMatchObject({ type: 'next' })
    expect(executions).toBe(2)
  })
})

describe('A client that stops reading', () => {
  test('makes its subscription wait, and goes on where it was when it reads again', async () => {
    await using fixture = await startHttpFixture()
    await using raw = await RawWebSocket.open(fixture.webSocketUrl)
    raw.subscribe('1', 'subscription { messageStream(threadId: "t") { ... on TextDelta { offset text } } }')
    const feed = await fixture.feed(0)
    raw.socket.pause()
    const count = 20_000
    const text = 'x'.repeat(1_000)
    // 20 MB, far above what the kernel's buffers hold: most of it must stay where it is.
    feed.push(...Array.from({ length: count }, (_, offset) => recordedDelta(text, { offset })))
    await settled(() => feed.waiting)
    const waiting = feed.waiting
    expect(waiting).toBeGreaterThan(count / 4)

    await using healthy = await RawWebSocket.open(fixture.webSocketUrl)
    healthy.subscribe('1', '{ greeting }')
    expect(await healthy.nextFrame()).toMatchObject({ type: 'next' })
    expect(feed.waiting).toBe(waiting)

    raw.socket.resume()
    for (let offset = 0; offset < count; offset += 1) {
      const { payload } = await raw.nextFrame()
      expect(payload).toMatchObject({ data: { messageStream: { offset } } })
    }
  }, 30_000)
})

/** Resolves when a number has stopped changing over several turns of the event loop. */
async function settled(read: () => number): Promise<void> {
  for (let same = 0, last = Number.NaN; same < 50; ) {
    await new Promise((resolve) => setImmediate(resolve))
    const now = read()
    same = now === last ? same + 1 : 0
    last = now
  }
}
