import { PassThrough } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { send } from '../src/commands/answer.ts'
import { createApprover } from '../src/commands/approver.ts'
import { decisionOf } from '../src/commands/ask-for-decision.ts'
import { createServerClient, type ServerClient } from '../src/commands/server-client.ts'
import { runParley, type ServerProcess, startProcess } from './support/process.ts'

const startMs = 60_000
const question = '/fast /tool get_current_time {"timeZone": "Europe/Berlin"}'

/** Where every tool asks first. */
let server: ServerProcess
let client: ServerClient
beforeAll(async () => {
  server = await startProcess({ env: { PARLEY_TOOLS_POLICY_ASK: '*' } })
  client = createServerClient(server.url)
}, startMs)
afterAll(() => server[Symbol.asyncDispose]())

interface Pending {
  readonly id: string
  readonly toolCall: { readonly id: string; readonly name: string; readonly arguments: unknown }
  readonly thread: { readonly id: string }
}

const pendingApprovals = '{ pendingApprovals { nodes { id toolCall { id name arguments } thread { id } } } }'

async function pending(threadId: string): Promise<readonly Pending[]> {
  const { pendingApprovals: found } = await client.request<{ pendingApprovals: { nodes: Pending[] } }>(
    pendingApprovals,
    {},
    AbortSignal.timeout(startMs),
  )
  return found.nodes.filter(({ thread }) => thread.id === threadId)
}

test('chat shows a tool call and what came of it, and prints nothing but the answer', {
  timeout: startMs,
}, async () => {
  const { code, stdout, stderr } = await runParley({ args: ['chat', question, '--yes', '--url', server.url] })
  expect(code, stderr).toBe(0)
  expect(stderr).toContain('→ get_current_time {"timeZone":"Europe/Berlin"}')
  expect(stderr).toMatch(/← get_current_time: .*\d{4}/)
  expect(stdout).not.toContain('→')
})

test('without a terminal, chat says that an approval is waited for, and leaves it to others', {
  timeout: startMs,
}, async () => {
  const { code, stderr } = await runParley({ args: ['chat', question, '--url', server.url] })
  expect(code).toBe(1)
  expect(stderr).toContain('get_current_time waits for an approval')
  const [, threadId = ''] = /(thread_\w+);/.exec(stderr) ?? []
  expect(await pending(threadId)).toMatchObject([{ toolCall: { name: 'get_current_time' } }])
})

describe('who sits at the terminal', () => {
  test.each([
    ['y\n', 'APPROVED'],
    ['\n\nnot now\n', 'DENIED'],
  ])('types %j, and the approval is %s', { timeout: startMs }, async (typed, status) => {
    const signal = AbortSignal.timeout(startMs)
    const { threadId, runId, streamCursor } = await send(
      client,
      { text: question, threadId: undefined, modelId: undefined },
      signal,
    )
    const events = client.subscribe<{ messageStream: { __typename: string } }>(
      `subscription ($threadId: ID!, $runId: ID, $after: String) {
        messageStream(threadId: $threadId, runId: $runId, after: $after) {
          __typename ... on RunStatusChanged { status }
        }
      }`,
      { threadId, runId, after: streamCursor },
      signal,
    )
    for await (const { messageStream } of events)
      if ((messageStream as { status?: string }).status === 'AWAITING_APPROVAL') break
    const [approval] = await pending(threadId)
    if (!approval) throw new Error('nothing waits for an approval')

    const stdin = Object.assign(new PassThrough(), { isTTY: true })
    const stderr = Object.assign(new PassThrough(), { isTTY: false }) as unknown as NodeJS.WriteStream
    const approver = createApprover({ client, stdin, stderr, approvesAll: false })
    stdin.write(typed)
    const toolCall = { ...approval.toolCall, status: 'AWAITING_APPROVAL', output: null }
    const event = { __typename: 'ToolApprovalRequested', cursor: '', threadId, runId, at: '' }
    const asked = { ...event, approval: { id: approval.id, toolCall } }
    expect(await approver.take(asked, new AbortController().signal, signal)).toBe(true)

    // Somebody who was asked at the same moment, and was slower: their word changes nothing.
    stdin.write('a\n')
    expect(await approver.take(asked, new AbortController().signal, signal)).toBe(true)

    const { node } = await client.request<{ node: { status: string } }>(
      'query ($id: ID!) { node(id: $id) { ... on ToolApproval { status } } }',
      { id: approval.id },
      signal,
    )
    expect(node.status).toBe(status)
  })

  test.each([
    ['yes', { decision: 'APPROVE', scope: 'ONCE' }],
    [' T ', { decision: 'APPROVE', scope: 'THREAD' }],
    ['a', { decision: 'APPROVE', scope: 'ALWAYS' }],
    ['no', { decision: 'DENY' }],
    ['it deletes too much', { decision: 'DENY', reason: 'it deletes too much' }],
    ['  ', null],
  ])('means by %j %j', (line, decision) => expect(decisionOf(line)).toEqual(decision))
})
