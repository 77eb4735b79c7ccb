import { expect, it, vi } from 'vitest'
import { ListModelsDocument } from './generated/graphql.ts'
import { createTestClient } from './support/client.ts'
import { ask, readRun } from './support/conversation.ts'
import { attempts } from './support/managed-provider.ts'
import { echo, startScriptedModel } from './support/scripted-model.ts'
import { startTestServer } from './support/server.ts'

/** The first pause of a breaker among several is ten seconds. */
const recovery = { timeout: 20_000, interval: 100 }

it('all of 200 runs complete on two accounts of which one fails, until its breaker closes again', {
  timeout: 60_000,
}, async () => {
  await using failing = await startScriptedModel()
  await using sound = await startScriptedModel()
  failing.onRequest((exchange) => exchange.fail(503))
  const accounts = [
    { name: 'first', baseUrl: failing.baseUrl },
    { name: 'second', baseUrl: sound.baseUrl },
  ]
  await using server = await startTestServer({
    config: {
      providers: [{ id: 'pair', kind: 'openai', models: ['scripted-model'], accounts }],
      defaultModel: 'pair/scripted-model',
    },
  })
  await using client = createTestClient(server)
  const pair = async () => {
    const { providers } = await client.request(ListModelsDocument, {})
    return providers.find(({ id }) => id === 'pair')
  }
  const breakers = async () => {
    const text = await (await fetch(server.url.replace('/graphql', '/metrics'))).text()
    return text.match(/(?<=^parley_provider_breaker_state\{provider="pair",account=).*$/gm)
  }
  const complete = async (runIds: readonly string[]) => {
    for (const id of runIds)
      await vi.waitFor(async () => expect((await readRun(client, id)).status).toBe('COMPLETED'), recovery)
  }

  const asked = await Promise.all(Array.from({ length: 200 }, (_, index) => ask(client, `Question ${index}`)))
  await complete(asked.map(({ runId }) => runId))
  expect(attempts(sound)).toBe(200)
  expect(attempts(failing)).toBeGreaterThanOrEqual(3)
  expect(attempts(failing)).toBeLessThan(200)
  expect(await pair()).toMatchObject({
    health: 'DEGRADED',
    error: "Account 'first': The provider is overloaded. It says: scripted",
  })
  expect(await breakers()).toEqual(['"first"} 1', '"second"} 0'])
  const warnings = server.logLines.filter(({ msg }) => msg === 'the account is left alone')
  expect(warnings).toMatchObject([{ providerId: 'pair', account: 'first', code: 'OVERLOADED' }])

  failing.onRequest(echo)
  await vi.waitFor(async () => expect(await pair()).toMatchObject({ health: 'HEALTHY', error: null }), recovery)
  expect(await breakers()).toEqual(['"first"} 0', '"second"} 0'])
  const before = attempts(failing)
  const again = await Promise.all(Array.from({ length: 10 }, (_, index) => ask(client, `Once more ${index}`)))
  await complete(again.map(({ runId }) => runId))
  expect(attempts(failing)).toBeGreaterThan(before)
})
