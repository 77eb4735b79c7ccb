import { type McpServer, ResourceTemplate } from '@modelcontextprotocol/sdk/server/mcp.js'
import { type ElicitRequestFormParams, ListRootsResultSchema } from '@modelcontextprotocol/sdk/types.js'
import { expect, test } from 'vitest'
import { z } from 'zod'
import type { McpCall } from '../src/mcp/mcp.ts'
import { startMcpHttpServer } from './support/mcp-http-server.ts'
import { always, openPool, textOf } from './support/mcp-pool.ts'

const question: ElicitRequestFormParams = {
  message: 'Which account?',
  requestedSchema: {
    type: 'object',
    properties: { account: { type: 'string' }, currency: { type: 'string', default: 'EUR' } },
    required: ['account'],
  },
}

/** `ask`: asks the person, and says what they answered. `wait`: ends when it is told to. */
function tools(release: Promise<void> = Promise.resolve()) {
  return (server: McpServer) => {
    server.registerTool('ask', {}, async (extra) => {
      const answer = await server.server.elicitInput(question, { relatedRequestId: extra.requestId })
      return { content: [{ type: 'text', text: JSON.stringify(answer) }] }
    })
    server.registerTool('wait', { inputSchema: { count: z.number().optional() } }, async () => {
      await release
      return { content: [] }
    })
    server.registerTool('pry', {}, async () => {
      const tried = await Promise.allSettled([
        server.server.request({ method: 'roots/list' }, ListRootsResultSchema),
        server.server.request(
          { method: 'sampling/createMessage', params: { messages: [], maxTokens: 1 } },
          z.looseObject({}),
        ),
        server.server.request(
          {
            method: 'elicitation/create',
            params: { mode: 'url', message: 'Look', elicitationId: '1', url: 'http://127.0.0.1/' },
          },
          z.looseObject({}),
        ),
        server.server.request({ method: 'ping' }, z.looseObject({})),
      ])
      return { content: [{ type: 'text', text: tried.map(({ status }) => status).join(' ') }] }
    })
  }
}

const accept: McpCall['elicit'] = async () => ({ action: 'accept', content: { account: 'savings' } })

test('the person behind a call is asked, and what they leave out has its default', async () => {
  await using server = await startMcpHttpServer({ setUp: tools() })
  await using fixture = await openPool({ bank: { type: 'http', url: server.url } })
  const asked: unknown[] = []
  const result = await fixture.call('bank', 'ask', {
    async elicit(request) {
      asked.push(request)
      return { action: 'accept', content: { account: 'savings' } }
    },
  })
  expect(asked).toEqual([question])
  expect(JSON.parse(textOf(result))).toEqual({ action: 'accept', content: { account: 'savings', currency: 'EUR' } })
})

test('a person may decline; where nobody can be asked, or asking fails, the server is told to give it up', async () => {
  await using server = await startMcpHttpServer({ setUp: tools() })
  await using fixture = await openPool({ bank: { type: 'http', url: server.url } })
  const answer = async (elicit: McpCall['elicit']) =>
    JSON.parse(textOf(await fixture.call('bank', 'ask', { elicit }))).action
  expect(await answer(async () => ({ action: 'decline' }))).toBe('decline')
  expect(await answer(null)).toBe('cancel')
  expect(await answer(() => Promise.reject(new Error('no')))).toBe('cancel')
})

test("while a person is asked, the call's time stands still", async () => {
  await using server = await startMcpHttpServer({ setUp: tools() })
  await using fixture = await openPool({ bank: { type: 'http', url: server.url, timeoutMs: 1_000 } })
  const result = await fixture.call('bank', 'ask', {
    async elicit() {
      await new Promise((resolve) => setTimeout(resolve, 1_200))
      return { action: 'decline' }
    },
  })
  expect(JSON.parse(textOf(result))).toEqual({ action: 'decline' })
})

test('a question ends with its call', async () => {
  await using server = await startMcpHttpServer({ setUp: tools() })
  await using fixture = await openPool({ bank: { type: 'http', url: server.url } })
  const controller = new AbortController()
  const { promise: ended, resolve } = Promise.withResolvers<void>()
  const call = fixture.call('bank', 'ask', {
    signal: controller.signal,
    elicit: (_request, signal) => {
      signal.addEventListener('abort', () => resolve())
      controller.abort(new Error('given up'))
      return new Promise(() => {})
    },
  })
  await expect(call).rejects.toThrow('given up')
  await ended
})

test('on a connection that serves several users at once nobody is asked, since it could be the wrong one', async () => {
  const { promise: released, resolve: release } = Promise.withResolvers<void>()
  await using server = await startMcpHttpServer({ setUp: tools(released) })
  await using fixture = await openPool({ bank: { type: 'http', url: server.url } })
  const asked: string[] = []
  const elicitFor =
    (name: string): McpCall['elicit'] =>
    async () => {
      asked.push(name)
      return { action: 'accept', content: { account: name } }
    }
  const other = fixture.call('bank', 'wait', {
    caller: { userId: 'user_grace', token: null },
    elicit: elicitFor('grace'),
  })
  await expect.poll(() => server.requests.filter(({ rpc }) => rpc === 'tools/call').length).toBe(1)
  const result = await fixture.call('bank', 'ask', { elicit: elicitFor('ada') })
  expect(JSON.parse(textOf(result))).toEqual({ action: 'cancel' })
  expect(asked).toEqual([])
  release()
  await other
  // Alone again.
  expect(JSON.parse(textOf(await fixture.call('bank', 'ask', { elicit: elicitFor('ada') })))).toMatchObject({
    action: 'accept',
  })
  expect(asked).toEqual(['ada'])
})

test('what a server asks while it serves a resource to one user is not asked of another, whose call it works on', async () => {
  const { promise: released, resolve: release } = Promise.withResolvers<void>()
  const answers: string[] = []
  await using server = await startMcpHttpServer({
    setUp: (session) => {
      tools(released)(session)
      const template = new ResourceTemplate('account://{name}', { list: undefined })
      session.registerResource('account', template, {}, async (uri, _variables, extra) => {
        const { action } = await session.server.elicitInput(question, { relatedRequestId: extra.requestId })
        answers.push(action)
        return { contents: [{ uri: uri.href, text: action }] }
      })
    },
  })
  await using fixture = await openPool({ bank: { type: 'http', url: server.url } })
  const asked: unknown[] = []
  const call = fixture.call('bank', 'wait', {
    async elicit(request) {
      asked.push(request)
      return { action: 'decline' }
    },
  })
  await expect.poll(() => server.requests.some(({ rpc }) => rpc === 'tools/call')).toBe(true)
  const grace = { userId: 'user_grace', token: null }
  await fixture.pool.readResource(grace, 'bank', 'account://savings', always)
  expect(answers).toEqual(['cancel'])
  expect(asked).toEqual([])
  release()
  await call
})

test('a call that another user gave up still counts: the server may be at work on it, and ask for it', async () => {
  await using server = await startMcpHttpServer({ setUp: tools(new Promise(() => {})) })
  await using fixture = await openPool({ bank: { type: 'http', url: server.url } })
  const grace = { userId: 'user_grace', token: null }
  const controller = new AbortController()
  const given = fixture.call('bank', 'wait', { caller: grace, signal: controller.signal, elicit: accept })
  const ended = expect(given).rejects.toThrow('given up')
  await expect.poll(() => server.requests.some(({ rpc }) => rpc === 'tools/call')).toBe(true)
  controller.abort(new Error('given up'))
  await ended
  expect(JSON.parse(textOf(await fixture.call('bank', 'ask', { elicit: accept })))).toEqual({ action: 'cancel' })
  expect(JSON.parse(textOf(await fixture.call('bank', 'ask', { caller: grace, elicit: accept })))).toMatchObject({
    action: 'accept',
  })
})

test('roots, sampling and questions that lead to a page are refused, and a ping is answered', async () => {
  await using server = await startMcpHttpServer({ setUp: tools() })
  await using fixture = await openPool({ curious: { type: 'http', url: server.url } })
  expect(textOf(await fixture.call('curious', 'pry', { elicit: accept }))).toBe('rejected rejected rejected fulfilled')
})
