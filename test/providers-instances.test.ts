import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  AddProviderDocument,
  CompleteDocument,
  ListProvidersDocument,
  type ListProvidersQuery,
  RemoveProviderDocument,
  UpdateProviderDocument,
} from './generated/graphql.ts'
import { createTestClient, type TestClient } from './support/client.ts'
import { createTestDatabase, databaseKind, hasPostgres } from './support/database.ts'
import { type ScriptedModel, startScriptedModel } from './support/scripted-model.ts'
import { startTestServer } from './support/server.ts'

// Two instances on one database: what an administrator changes at one is so at the other within five seconds.

const promisedMs = 5_000
const encryptionKey = Buffer.alloc(32, 7).toString('base64')
if (!hasPostgres()) process.stdout.write('skipped: no PostgreSQL for two instances on one database\n')

type Listed = ListProvidersQuery['providers'][number]

// Once is enough: the suite also runs with PostgreSQL as the database of all other tests.
describe.skipIf(!hasPostgres() || databaseKind() === 'postgres')('a change of providers', () => {
  const resources = new AsyncDisposableStack()
  let model: ScriptedModel
  let here: TestClient
  let there: TestClient

  beforeAll(async () => {
    model = resources.use(await startScriptedModel())
    const database = resources.use(await createTestDatabase('postgres'))
    const start = async () => {
      const server = resources.use(await startTestServer({ config: { encryptionKey }, database }))
      return resources.use(createTestClient(server))
    }
    here = await start()
    there = await start()
  })
  afterAll(() => resources.disposeAsync())

  /** Asks the other instance until it sees what is expected, and returns after how long that was. */
  async function seenThere(isSeen: (provider: Listed | undefined) => boolean): Promise<number> {
    const start = performance.now()
    for (;;) {
      const { providers } = await there.request(ListProvidersDocument, { includeDisabled: true })
      const elapsed = performance.now() - start
      if (isSeen(providers.find(({ id }) => id === 'shared'))) return elapsed
      if (elapsed > 2 * promisedMs) throw new Error('the other instance does not see it')
    }
  }

  const complete = () =>
    there.respond(CompleteDocument, {
      input: { modelId: 'shared/scripted-model', messages: [{ role: 'USER', text: 'Hello' }] },
    })

  test('at one instance is seen by the other within five seconds: added, changed, off, removed', async () => {
    const input = { id: 'shared', kind: 'openai', baseUrl: model.baseUrl, apiKey: 'sk-first' }
    await here.request(AddProviderDocument, { input })
    expect(await seenThere((provider) => provider?.settings?.hasApiKey === true)).toBeLessThan(promisedMs)
    expect((await complete()).data?.complete.completion.text).toBe('Echo: Hello')
    expect(model.requests.at(-1)?.headers).toMatchObject({ authorization: 'Bearer sk-first' })

    await here.request(UpdateProviderDocument, { input: { providerId: 'shared', apiKey: 'sk-next', timeoutMs: 9_999 } })
    expect(await seenThere((provider) => provider?.settings?.timeoutMs === 9_999)).toBeLessThan(promisedMs)
    await complete()
    expect(model.requests.at(-1)?.headers).toMatchObject({ authorization: 'Bearer sk-next' })

    await here.request(UpdateProviderDocument, { input: { providerId: 'shared', enabled: false } })
    expect(await seenThere((provider) => provider?.enabled === false)).toBeLessThan(promisedMs)
    expect((await complete()).errors[0]?.extensions.code).toBe('PROVIDER_UNAVAILABLE')

    await here.request(RemoveProviderDocument, { input: { providerId: 'shared' } })
    expect(await seenThere((provider) => provider === undefined)).toBeLessThan(promisedMs)
    expect((await complete()).errors[0]?.extensions.code).toBe('BAD_USER_INPUT')
  })
})
