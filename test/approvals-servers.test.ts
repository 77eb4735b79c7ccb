import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { ExecuteToolDocument } from './generated/graphql.ts'
import { askAndWait, decide, onlyApproval, toldResults } from './support/asking.ts'
import { createTestDatabase } from './support/database.ts'
import { Follower } from './support/follower.ts'
import { startMcpHttpServer } from './support/mcp-http-server.ts'
import { httpServer } from './support/real-mcp-servers.ts'
import { startScriptedModel } from './support/scripted-model.ts'
import { startToolConversations } from './support/tool-conversation.ts'

test('what was approved is sent also where its MCP server takes its time after a restart, and so is what is executed', {
  timeout: 60_000,
}, async () => {
  // Longer than a run waits for servers whose tools nobody has asked for.
  const startMs = 6_000
  let isSlow = false
  await using slow = await startMcpHttpServer({
    hold: async (rpc) => {
      if (isSlow && rpc === 'initialize') await delay(startMs)
    },
    setUp: (server) => server.registerTool('pay', {}, async () => ({ content: [{ type: 'text', text: 'paid' }] })),
  })
  await using model = await startScriptedModel()
  await using database = await createTestDatabase()
  const start = () =>
    startToolConversations({
      model,
      tools: [],
      mcpServers: [{ ...httpServer('bank', slow.url), approval: 'ask' }],
      database,
    })

  const first = await start()
  const waiting = await askAndWait(first, [{ id: 'call_1', name: 'bank__pay', arguments: {} }])
  await waiting.watcher[Symbol.asyncDispose]()
  await first[Symbol.asyncDispose]()

  isSlow = true
  await using second = await start()
  const { threadId, runId } = waiting
  const input = { name: 'bank__pay', arguments: {}, confirm: true }
  const executed = second.client.request(ExecuteToolDocument, { input })
  await decide(second.client, { approvalId: onlyApproval(waiting).id, decision: 'APPROVE' })
  await using follower = await Follower.open(second.server, { threadId, runId })
  await follower.nextStatus('COMPLETED')
  expect(toldResults(model)).toEqual([{ id: 'call_1', text: 'paid' }])
  expect((await executed).executeTool).toMatchObject({ output: 'paid', isError: false })
})
