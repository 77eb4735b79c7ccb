import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { kinds } from '../src/providers/kinds.ts'
import { AddProviderDocument, ListModelsDocument } from './generated/graphql.ts'
import { createTestClient } from './support/client.ts'
import { ask, readRun } from './support/conversation.ts'
import { Follower } from './support/follower.ts'
import { createParrotProvider } from './support/parrot-provider.ts'
import { startTestServer } from './support/server.ts'

/** An API that repeats what it hears. */
async function startParrot() {
  const heard: unknown[] = []
  const server = createServer(async (incoming, response) => {
    const body: unknown = JSON.parse(Buffer.concat(await incoming.toArray()).toString())
    heard.push([incoming.headers['x-api-key'], body])
    response.writeHead(200, { 'content-type': 'application/x-ndjson' })
    for (const word of ['Polly ', 'says ', 'hello']) response.write(`${JSON.stringify({ word })}\n`)
    response.end('{"end":true}\n')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    heard,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}

test('a kind that is one file and one line answers like any other, configured or added at run time', async () => {
  await using parrot = await startParrot()
  await using server = await startTestServer({
    config: {
      encryptionKey: Buffer.alloc(32, 7).toString('base64'),
      providers: [{ id: 'parrot', kind: 'parrot', baseUrl: parrot.baseUrl, apiKey: 'cracker' }],
    },
    kinds: { ...kinds, parrot: createParrotProvider },
  })
  await using client = createTestClient(server)
  const input = { id: 'other', kind: 'parrot', baseUrl: parrot.baseUrl, apiKey: 'nut' }
  await client.request(AddProviderDocument, { input })

  // A kind that nobody knows more of comes before the demo.
  const { models } = await client.request(ListModelsDocument, {})
  expect(models.map(({ id, isDefault, contextWindow }) => [id, isDefault, contextWindow])).toEqual([
    ['parrot/polly', true, 100],
    ['demo/parley-demo', false, null],
    ['other/polly', false, 100],
  ])
  for (const modelId of ['parrot/polly', 'other/polly']) {
    const asked = await ask(client, 'Hello', { modelId })
    await using watcher = await Follower.open(server, { threadId: asked.threadId, after: asked.streamCursor })
    await watcher.nextStatus('COMPLETED', asked.runId)
    expect(await readRun(client, asked.runId)).toMatchObject({
      modelId,
      message: { text: 'Polly says hello' },
      usage: { estimated: true },
    })
  }
  expect(parrot.heard).toEqual([
    ['cracker', { text: 'Hello' }],
    ['nut', { text: 'Hello' }],
  ])
})
