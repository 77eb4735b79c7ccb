import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { hostname } from 'node:os'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isPublicAddress } from '../src/platform/outbound-addresses.ts'
import { OutboundGuard } from '../src/platform/outbound-guard.ts'
import { createProviders } from '../src/providers/registry.ts'
import {
  AddProviderDocument,
  type AddProviderInput,
  CompleteDocument,
  ListModelsDocument,
  ListProvidersDocument,
  UpdateProviderDocument,
} from './generated/graphql.ts'
import { type AccountsFixture, startAccounts } from './support/accounts.ts'
import { type Canary, startCanary, watchAttempts } from './support/canary.ts'
import { createTestClient, type TestClient } from './support/client.ts'
import { createTestDatabase } from './support/database.ts'
import { inwardHosts, ownHosts } from './support/private-hosts.ts'
import { collect, providerConfig, requestOf } from './support/provider-fixture.ts'
import { type ScriptedModel, startScriptedModel } from './support/scripted-model.ts'
import { startTestServer } from './support/server.ts'

// What an ADMIN who does not run the server can make it connect to.

const kinds = ['openai', 'openai-responses', 'anthropic', 'gemini', 'ollama'] as const
const hint = /private addresses are not connected to.*outbound\.allowPrivateAddresses.*outbound\.allowedHosts/

/** What the system makes of this machine's name; null where it knows none. */
const ownAddress = await lookup(hostname()).then(
  ({ address }) => address,
  () => null,
)

const resources = new AsyncDisposableStack()
let canary: Canary
let model: ScriptedModel
let accounts: AccountsFixture
let admin: TestClient

beforeAll(async () => {
  canary = resources.use(await startCanary())
  model = resources.use(await startScriptedModel())
  const providers = [{ id: 'configured', kind: 'openai', baseUrl: model.baseUrl }]
  accounts = resources.use(
    await startAccounts({ config: { providers, outbound: { allowedHosts: [new URL(model.baseUrl).host] } } }),
  )
  admin = accounts.admin.client
})
afterAll(() => resources.disposeAsync())

const add = (client: TestClient, input: AddProviderInput) => client.respond(AddProviderDocument, { input })

const complete = (client: TestClient, modelId: string) =>
  client.respond(CompleteDocument, { input: { modelId, messages: [{ role: 'USER', text: 'Hello' }] } })

/** The provider, once it has been asked for its models. */
async function asked(client: TestClient, id: string) {
  await client.request(ListModelsDocument, {})
  const { providers } = await client.request(ListProvidersDocument, {})
  return providers.find((provider) => provider.id === id)
}

describe('a provider that is added at run time', () => {
  test.each([...ownHosts, ...inwardHosts])('cannot be at %s', async (host) => {
    const before = canary.connections
    using attempts = watchAttempts()
    const baseUrl = `http://${host}:${canary.port}/v1`
    const inputs = [
      { field: 'baseUrl', input: { id: 'inward', kind: 'openai', baseUrl } },
      {
        field: 'accounts.1.baseUrl',
        input: { id: 'inward', kind: 'ollama', accounts: [{ baseUrl: 'https://example.com' }, { baseUrl }] },
      },
    ]
    for (const { field, input } of inputs) {
      const { errors } = await add(admin, input)
      expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT', field } }])
      expect(errors[0]?.message).toMatch(hint)
      expect(errors[0]?.message).not.toContain(host)
    }
    expect(attempts.made.filter((attempt) => attempt.endsWith(` ${canary.port}`))).toEqual([])
    expect(canary.connections).toBe(before)
  })

  test('cannot be moved there', async () => {
    const baseUrl = model.baseUrl
    expect((await add(admin, { id: 'moves', kind: 'openai', baseUrl })).errors).toEqual([])
    const input = { providerId: 'moves', baseUrl: `http://127.1:${canary.port}/v1` }
    const { errors } = await admin.respond(UpdateProviderDocument, { input })
    expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT', field: 'baseUrl' } }])
    expect((await asked(admin, 'moves'))?.settings?.baseUrl).toBe(baseUrl)
  })

  test.skipIf(ownAddress === null).each(kinds)(
    'of kind %s is not asked where its name leads to this machine, and says why',
    async (kind) => {
      expect(isPublicAddress(ownAddress ?? '')).toBe(false)
      const before = canary.connections
      const id = `named-${kind}`
      const baseUrl = `http://${hostname()}:${canary.port}`
      expect((await add(admin, { id, kind, baseUrl, models: [{ name: 'a' }] })).errors).toEqual([])
      expect(await asked(admin, id)).toMatchObject({ health: 'UNAVAILABLE', error: expect.stringMatching(hint) })
      const { errors } = await complete(admin, `${id}/a`)
      expect(errors[0]?.message).toMatch(hint)
      expect(errors[0]?.message).not.toContain(ownAddress)
      expect(canary.connections).toBe(before)
    },
  )

  test('is not asked at the address that its kind has where none is given, if that is this machine', async () => {
    using attempts = watchAttempts()
    expect((await add(admin, { id: 'default', kind: 'ollama' })).errors).toEqual([])
    expect(await asked(admin, 'default')).toMatchObject({ health: 'UNAVAILABLE', error: expect.stringMatching(hint) })
    expect(attempts.made.filter((attempt) => attempt.endsWith(' 11434'))).toEqual([])
  })

  test('answers at a host that is allowed, and one of the configuration anywhere', async () => {
    expect((await add(admin, { id: 'allowed', kind: 'openai', baseUrl: model.baseUrl })).errors).toEqual([])
    for (const id of ['allowed', 'configured']) {
      const { data } = await complete(admin, `${id}/scripted-model`)
      expect(data?.complete.completion.text).toBe('Echo: Hello')
    }
  })
})

describe('a redirect of a provider', () => {
  test.each(kinds)('of kind %s is not followed', async (kind) => {
    const paths: (string | undefined)[] = []
    const redirecting = createServer((request, response) => {
      paths.push(request.url)
      response.writeHead(307, { location: `http://127.0.0.1:${canary.port}/v1` }).end()
    })
    redirecting.listen(0, '127.0.0.1')
    await once(redirecting, 'listening')
    const host = `127.0.0.1:${(redirecting.address() as AddressInfo).port}`
    await using server = await startTestServer({
      config: { outbound: { allowPrivateAddresses: false, allowedHosts: [host] } },
    })
    await using client = createTestClient(server)
    const before = canary.connections
    await add(client, { id: 'away', kind, baseUrl: `http://${host}`, maxRetries: 0, models: [{ name: 'a' }] })
    expect((await complete(client, 'away/a')).errors).toHaveLength(1)
    expect(paths.length).toBeGreaterThan(0)
    expect(canary.connections).toBe(before)
    redirecting.close()
  })
})

describe('in the mode local', () => {
  const inward = () => ({ id: 'inward', kind: 'openai', baseUrl: `http://127.0.0.1:${canary.port}` })

  test('providers of this machine may be added, unless that is switched off', async () => {
    const database = resources.use(await createTestDatabase())
    {
      await using server = await startTestServer({ database })
      await using client = createTestClient(server)
      const before = canary.connections
      expect((await add(client, inward())).errors).toEqual([])
      expect(await asked(client, 'inward')).toMatchObject({ health: 'HEALTHY', error: null })
      expect(canary.connections).toBeGreaterThan(before)
    }
    await using server = await startTestServer({ database, config: { outbound: { allowPrivateAddresses: false } } })
    await using client = createTestClient(server)
    const before = canary.connections
    expect((await add(client, { ...inward(), id: 'second' })).errors).toMatchObject([
      { extensions: { code: 'BAD_USER_INPUT', field: 'baseUrl' } },
    ])
    // What was added before is no longer asked, and can be switched off.
    expect(await asked(client, 'inward')).toMatchObject({ health: 'UNAVAILABLE', error: expect.stringMatching(hint) })
    const input = { providerId: 'inward', enabled: false }
    expect((await client.respond(UpdateProviderDocument, { input })).errors).toEqual([])
    expect(canary.connections).toBe(before)
  })
})

describe('a name that is public when a provider is added and this machine later', () => {
  test.each(kinds)('does not lead kind %s there', async (kind) => {
    const before = canary.connections
    let resolved = 0
    const guard = new OutboundGuard(
      { allowPrivateAddresses: false, allowedHosts: [] },
      {
        resolve: (_name, _options, done) => {
          resolved += 1
          // Nobody has the first one: who connects to it fails.
          const answer = resolved === 1 ? { address: '2d00::1', family: 6 } : { address: '127.0.0.1', family: 4 }
          process.nextTick(done, null, [answer])
        },
      },
    )
    using attempts = watchAttempts()
    await using providers = createProviders({
      config: { providers: [], llm: { enabled: true } },
      outbound: guard,
      log: pino({ level: 'silent' }),
    })
    const baseUrl = `http://rebind.example.com:${canary.port}`
    const models = [{ name: 'a', contextWindow: null }]
    const config = providerConfig({ id: 'rebinds', kind, baseUrl, models, timeoutMs: 1_000 })
    providers.replaceStored([{ config, revision: '1', problem: null }])
    await providers.models('rebinds')
    const { provider, name } = await providers.resolve('rebinds/a')
    const { error } = await collect(provider, requestOf('Hello', { model: name }))
    expect(error).toMatchObject({ code: 'PROVIDER_ERROR', message: expect.stringMatching(hint) })
    expect(resolved).toBeGreaterThan(1)
    expect(attempts.made).toContain(`2d00::1 ${canary.port}`)
    expect(attempts.made).not.toContain(`127.0.0.1 ${canary.port}`)
    expect(canary.connections).toBe(before)
  })
})
