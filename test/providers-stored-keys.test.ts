import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openDatabase } from '../src/database/database.ts'
import type { PrismaClient } from '../src/database/generated/client.ts'
import type { ConfigInput } from '../src/platform/config/schema.ts'
import {
  AddProviderDocument,
  CompleteDocument,
  ListProvidersDocument,
  RemoveProviderDocument,
  UpdateProviderDocument,
} from './generated/graphql.ts'
import { createTestClient, type TestClient } from './support/client.ts'
import { createTestDatabase, silentLog, type TestDatabase } from './support/database.ts'
import { type ScriptedModel, startScriptedModel } from './support/scripted-model.ts'
import { startTestServer } from './support/server.ts'

const encryptionKey = Buffer.alloc(32, 7).toString('base64')
const otherKey = Buffer.alloc(32, 8).toString('hex')
const secrets = { apiKey: 'sk-correct-horse', header: 'battery-staple', accountKey: 'sk-of-an-account' }

let model: ScriptedModel
let database: TestDatabase
beforeAll(async () => {
  model = await startScriptedModel()
})
afterAll(() => model[Symbol.asyncDispose]())
beforeEach(async () => {
  database = await createTestDatabase()
  return () => database[Symbol.asyncDispose]()
})

/** Everything that a start of the server with this configuration logged, once `act` is over. */
async function whileServing(
  config: ConfigInput,
  act: (client: TestClient) => Promise<void>,
): Promise<readonly Record<string, unknown>[]> {
  await using server = await startTestServer({ config: { logLevel: 'trace', ...config }, database })
  await using client = createTestClient(server)
  await act(client)
  return server.logLines
}

async function withRows<Result>(act: (client: PrismaClient) => Promise<Result>): Promise<Result> {
  const { config, dataDir } = database
  await using opened = await openDatabase({ config, dataDir, log: silentLog })
  return await act(opened.client)
}

function provider(id: string) {
  return {
    id,
    kind: 'openai',
    baseUrl: model.baseUrl,
    apiKey: secrets.apiKey,
    headers: { 'X-Secret': secrets.header },
    accounts: [{ name: 'a' }, { name: 'b', apiKey: secrets.accountKey }],
  }
}

async function add(client: TestClient, id: string): Promise<void> {
  await client.request(AddProviderDocument, { input: provider(id) })
}

async function find(client: TestClient, id: string) {
  const { providers } = await client.request(ListProvidersDocument, { includeDisabled: true })
  return providers.find((listed) => listed.id === id)
}

async function complete(client: TestClient, modelId: string) {
  return client.respond(CompleteDocument, { input: { modelId, messages: [{ role: 'USER', text: 'Hello' }] } })
}

describe('the keys of a stored provider', () => {
  test('are neither in the database nor in the log nor in any answer, and survive a restart', async () => {
    const answers: unknown[] = []
    const logLines = await whileServing({ encryptionKey }, async (client) => {
      await add(client, 'kept')
      model.onNextRequest((exchange) => exchange.fail(401, { message: `Incorrect API key: ${secrets.apiKey}` }))
      answers.push(await complete(client, 'kept/scripted-model'))
      answers.push(await client.request(ListProvidersDocument, {}))
      const input = { providerId: 'kept', apiKey: `${secrets.apiKey} with a space` }
      answers.push(await client.respond(UpdateProviderDocument, { input }))
    })
    const rows = await withRows((client) => client.storedProvider.findMany())
    expect(rows).toMatchObject([{ id: 'kept', secrets: expect.stringMatching(/^v1\./) }])
    for (const secret of Object.values(secrets))
      expect(JSON.stringify({ rows, logLines, answers })).not.toContain(secret)

    await whileServing({ encryptionKey }, async (client) => {
      expect(await find(client, 'kept')).toMatchObject({
        source: 'STORED',
        settings: {
          hasApiKey: true,
          headerNames: ['X-Secret'],
          accounts: [{ name: 'a' }, { name: 'b', hasApiKey: true }],
        },
      })
      await complete(client, 'kept/scripted-model')
      const { headers } = model.requests.at(-1) ?? {}
      expect(headers).toMatchObject({ 'x-secret': secrets.header })
      expect([`Bearer ${secrets.apiKey}`, `Bearer ${secrets.accountKey}`]).toContain(headers?.authorization)
    })
  })

  test.each([
    ['apiKey', { apiKey: 'sk-1' }],
    ['headers', { headers: { 'X-Key': 'secret' } }],
    ['accounts', { accounts: [{ apiKey: 'sk-1' }] }],
  ])('are refused in %s while there is nothing to encrypt them with', async (field, input) => {
    await whileServing({}, async (client) => {
      const { errors } = await client.respond(AddProviderDocument, { input: { id: 'a', kind: 'openai', ...input } })
      expect(errors[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', field })
      expect(errors[0]?.message).toContain('openssl rand -base64 32')
      expect(await find(client, 'a')).toBeUndefined()
      // What has no keys needs no encryption.
      await client.request(AddProviderDocument, { input: { id: 'a', kind: 'openai', baseUrl: model.baseUrl } })
      expect((await complete(client, 'a/scripted-model')).errors).toEqual([])
    })
  })

  test.each([
    ['another encryption key', { encryptionKey: otherKey }, /is another/],
    ['no encryption key', {}, /no encryption key/],
  ])('make the provider UNAVAILABLE with %s, until they can be read again', async (_what, config, error) => {
    await whileServing({ encryptionKey }, (client) => add(client, 'locked'))
    const logLines = await whileServing(config, async (client) => {
      expect(await find(client, 'locked')).toMatchObject({ health: 'UNAVAILABLE', error: expect.stringMatching(error) })
      const { errors } = await complete(client, 'locked/scripted-model')
      expect(errors[0]).toMatchObject({
        message: expect.stringMatching(error),
        extensions: { code: 'PROVIDER_UNAVAILABLE' },
      })
      expect((await complete(client, 'demo/parley-demo')).errors).toEqual([])
      // What is no key can be changed.
      await client.request(UpdateProviderDocument, { input: { providerId: 'locked', timeoutMs: 5555 } })
    })
    expect(logLines).toContainEqual(
      expect.objectContaining({ providerId: 'locked', msg: expect.stringMatching(error) }),
    )
    await whileServing({ encryptionKey }, async (client) => {
      expect(await find(client, 'locked')).toMatchObject({
        error: null,
        settings: { hasApiKey: true, timeoutMs: 5555 },
      })
      expect((await complete(client, 'locked/scripted-model')).errors).toEqual([])
    })
  })

  test('can be given anew where they cannot be read any more', async () => {
    await whileServing({ encryptionKey }, (client) => add(client, 'locked'))
    await whileServing({ encryptionKey: otherKey }, async (client) => {
      const input = { providerId: 'locked', apiKey: 'sk-new' }
      const { updateProvider } = await client.request(UpdateProviderDocument, { input })
      expect(updateProvider.provider).toMatchObject({ error: null, settings: { hasApiKey: true, headerNames: [] } })
      await complete(client, 'locked/scripted-model')
      expect(model.requests.at(-1)?.headers).toMatchObject({ authorization: 'Bearer sk-new' })
    })
  })

  test('cannot be moved to another provider', async () => {
    await whileServing({ encryptionKey }, (client) => add(client, 'rich'))
    await withRows(async (client) => {
      const { id: _, ...rich } = await client.storedProvider.findUniqueOrThrow({ where: { id: 'rich' } })
      await client.storedProvider.create({ data: { ...rich, id: 'thief', config: {} } })
    })
    await whileServing({ encryptionKey }, async (client) => {
      expect(await find(client, 'thief')).toMatchObject({ health: 'UNAVAILABLE', settings: { hasApiKey: false } })
    })
  })

  test('go with their provider', async () => {
    await whileServing({ encryptionKey }, async (client) => {
      await add(client, 'gone')
      await client.request(RemoveProviderDocument, { input: { providerId: 'gone' } })
    })
    expect(await withRows((client) => client.storedProvider.count())).toBe(0)
  })
})

describe('a stored provider', () => {
  test('gives way to one of the configuration with its id, which a warning says, and comes back', async () => {
    await whileServing({ encryptionKey }, (client) => add(client, 'twice'))
    const providers = [{ id: 'twice', kind: 'demo' }]
    const logLines = await whileServing({ encryptionKey, providers }, async (client) => {
      expect(await find(client, 'twice')).toMatchObject({ source: 'CONFIGURATION', kind: 'demo' })
    })
    const warnings = logLines.filter(({ level, providerId }) => level === 'warn' && providerId === 'twice')
    expect(warnings).toMatchObject([{ msg: expect.stringContaining('the configuration has one with its id') }])
    await whileServing({ encryptionKey }, async (client) => {
      expect(await find(client, 'twice')).toMatchObject({ source: 'STORED', kind: 'openai' })
    })
  })

  test.each([
    ['a kind that is gone', { kind: 'gone' }],
    ['a setting that does not fit', { config: { timeoutMs: 'soon' } }],
    ['a setting that nobody knows', { config: { colour: 'red' } }],
  ])('with %s is UNAVAILABLE, and harms nothing else', async (_what, data) => {
    await withRows((client) =>
      client.storedProvider.create({ data: { id: 'odd', kind: 'openai', config: {}, revision: 'r', ...data } }),
    )
    await whileServing({}, async (client) => {
      expect(await find(client, 'odd')).toMatchObject({ health: 'UNAVAILABLE', error: expect.any(String) })
      expect((await complete(client, 'demo/parley-demo')).errors).toEqual([])
    })
  })

  test('is listed and can be changed while models are switched off, and nobody contacts it', async () => {
    const before = model.requests.length
    await whileServing({ encryptionKey, llm: { enabled: false } }, async (client) => {
      await add(client, 'quiet')
      expect(await find(client, 'quiet')).toMatchObject({ health: 'UNKNOWN', error: null })
    })
    expect(model.requests.length).toBe(before)
  })
})

test('who is no ADMIN neither changes providers nor sees how they are set up', async () => {
  await whileServing({ encryptionKey }, (client) => add(client, 'guarded'))
  await withRows((client) => client.user.updateMany({ data: { role: 'USER' } }))
  await whileServing({ encryptionKey }, async (client) => {
    const responses = [
      await client.respond(AddProviderDocument, { input: { id: 'mine', kind: 'openai' } }),
      await client.respond(UpdateProviderDocument, { input: { providerId: 'guarded', baseUrl: 'http://127.0.0.1:9' } }),
      await client.respond(RemoveProviderDocument, { input: { providerId: 'guarded' } }),
      await client.respond(ListProvidersDocument, { includeDisabled: true }),
    ]
    for (const { data, errors } of responses) {
      expect(data).toBeNull()
      expect(errors.map(({ extensions }) => extensions.code)).toEqual(['FORBIDDEN'])
    }
    const { data, errors } = await client.respond(ListProvidersDocument, {})
    expect(data?.providers).toContainEqual(expect.objectContaining({ id: 'guarded', settings: null }))
    expect(new Set(errors.map(({ extensions }) => extensions.code))).toEqual(new Set(['FORBIDDEN']))
    expect((await complete(client, 'guarded/scripted-model')).errors).toEqual([])
  })
})
