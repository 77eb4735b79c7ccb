import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  AddProviderDocument,
  type AddProviderInput,
  CompleteDocument,
  ListModelsDocument,
  ListProvidersDocument,
  RemoveProviderDocument,
  UpdateProviderDocument,
  type UpdateProviderInput,
} from './generated/graphql.ts'
import { createTestClient, type TestClient } from './support/client.ts'
import { ask, readMessage, readRun, requestFor } from './support/conversation.ts'
import { Follower } from './support/follower.ts'
import { type ScriptedModel, startScriptedModel } from './support/scripted-model.ts'
import { startTestServer, type TestServer } from './support/server.ts'

const encryptionKey = Buffer.alloc(32, 7).toString('base64')
const key = 'sk-correct-horse-battery'
const elsewhere = 'http://127.0.0.1:9/v1'

const resources = new AsyncDisposableStack()
let model: ScriptedModel
let server: TestServer
let client: TestClient

beforeAll(async () => {
  model = resources.use(await startScriptedModel())
  server = resources.use(
    await startTestServer({
      config: { encryptionKey, providers: [{ id: 'fixed', kind: 'openai', baseUrl: model.baseUrl, enabled: false }] },
    }),
  )
  client = resources.use(createTestClient(server))
})
afterAll(() => resources.disposeAsync())

async function add(input: Partial<AddProviderInput> & { id: string }) {
  const complete = { kind: 'openai', baseUrl: model.baseUrl, ...input }
  return (await client.request(AddProviderDocument, { input: complete })).addProvider.provider
}

async function update(input: UpdateProviderInput) {
  return (await client.request(UpdateProviderDocument, { input })).updateProvider.provider
}

async function remove(providerId: string): Promise<void> {
  await client.request(RemoveProviderDocument, { input: { providerId } })
}

async function complete(modelId: string) {
  return client.respond(CompleteDocument, { input: { modelId, messages: [{ role: 'USER', text: 'Hello' }] } })
}

async function refusal(input: Partial<UpdateProviderInput> & { providerId: string }) {
  const { errors } = await client.respond(UpdateProviderDocument, { input })
  return errors.map(({ extensions: { code, field } }) => [code, field])
}

const sentHeaders = () => model.requests.at(-1)?.headers

describe('a provider that is added', () => {
  test('answers at once, with its key and headers, and shows neither', async () => {
    const provider = await add({ id: 'answers', apiKey: key, headers: { 'X-Team': 'secret-team' } })
    expect(provider).toMatchObject({
      id: 'answers',
      kind: 'openai',
      enabled: true,
      source: 'STORED',
      settings: { baseUrl: model.baseUrl, hasApiKey: true, headerNames: ['X-Team'], accounts: [], maxRetries: 2 },
    })
    const { data } = await complete('answers/scripted-model')
    expect(data?.complete.completion).toMatchObject({ modelId: 'answers/scripted-model', text: 'Echo: Hello' })
    expect(sentHeaders()).toMatchObject({ authorization: `Bearer ${key}`, 'x-team': 'secret-team' })

    const { models } = await client.request(ListModelsDocument, {})
    expect(models).toContainEqual(expect.objectContaining({ id: 'answers/scripted-model' }))
    const listed = await client.request(ListProvidersDocument, { includeDisabled: true })
    expect(JSON.stringify(listed)).not.toMatch(new RegExp(`${key}|secret-team`))
  })

  test('is the default where there was none but the demo', async () => {
    await add({ id: 'default', models: [{ name: 'mine', contextWindow: 1000 }] })
    const { models } = await client.request(ListModelsDocument, {})
    expect(models.filter(({ isDefault }) => isDefault)).toMatchObject([
      { provider: { id: expect.not.stringContaining('demo') } },
    ])
    expect(models).toContainEqual(expect.objectContaining({ id: 'default/mine', contextWindow: 1000 }))
  })

  test('is no second of its id, nor of one in the configuration', async () => {
    await add({ id: 'once' })
    for (const id of ['once', 'demo', 'fixed']) {
      const { errors } = await client.respond(AddProviderDocument, { input: { id, kind: 'openai' } })
      expect(errors[0]?.extensions).toMatchObject({ code: 'CONFLICT', field: 'id' })
    }
  })

  test.each<[Partial<AddProviderInput>, string]>([
    [{ id: 'Upper' }, 'id'],
    [{ id: 'a/b' }, 'id'],
    [{ kind: 'nobody' }, 'kind'],
    [{ baseUrl: 'ftp://a' }, 'baseUrl'],
    [{ baseUrl: 'http://user:hunter2@a' }, 'baseUrl'],
    [{ baseUrl: 'http://a?key=hunter2' }, 'baseUrl'],
    [{ apiKey: 'two words' }, 'apiKey'],
    [{ headers: { 'X-A': 'a\nX-B: b' } }, 'headers.X-A'],
    [{ headers: 'X-A' }, 'headers'],
    [{ timeoutMs: 0 }, 'timeoutMs'],
    [{ maxRetries: -1 }, 'maxRetries'],
    [{ models: [{ name: 'a' }, { name: '' }] }, 'models.1.name'],
    [{ accounts: [{ name: 'a' }, { name: 'b', weight: 0 }] }, 'accounts.1.weight'],
    [{ accounts: [{ name: 'a' }, { name: 'a' }] }, 'accounts.1.name'],
    [{ accounts: [{ baseUrl: 'http://u@a' }] }, 'accounts.0.baseUrl'],
  ])('is refused with %j, on that field and without its values', async (wrong, field) => {
    const input = { id: 'refused', kind: 'openai', ...wrong }
    const { errors } = await client.respond(AddProviderDocument, { input })
    expect(errors[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', field })
    expect(errors[0]?.message).not.toMatch(/hunter2|two words/)
  })

  test('cannot hold what the database cannot', async () => {
    const input = { id: 'nul', kind: 'openai', models: [{ name: 'a\u0000' }] }
    const { errors } = await client.respond(AddProviderDocument, { input })
    expect(errors[0]?.extensions.code).toBe('BAD_USER_INPUT')
  })
})

describe('a change', () => {
  test('keeps what is left out, clears what is null, and replaces the rest', async () => {
    await add({ id: 'changing', apiKey: key, headers: { 'X-Team': 'a' }, timeoutMs: 1234, models: [{ name: 'one' }] })
    const kept = await update({ providerId: 'changing', idleTimeoutMs: 4321 })
    expect(kept.settings).toMatchObject({
      hasApiKey: true,
      headerNames: ['X-Team'],
      timeoutMs: 1234,
      idleTimeoutMs: 4321,
    })
    const cleared = await update({ providerId: 'changing', timeoutMs: null, models: null, headers: null })
    expect(cleared.settings).toMatchObject({ hasApiKey: true, headerNames: [], timeoutMs: 60_000, models: [] })
    await update({ providerId: 'changing', apiKey: 'sk-another' })
    await complete('changing/scripted-model')
    expect(sentHeaders()).toMatchObject({ authorization: 'Bearer sk-another' })
    expect((await update({ providerId: 'changing', apiKey: null })).settings).toMatchObject({ hasApiKey: false })
    await complete('changing/scripted-model')
    expect(sentHeaders()).not.toHaveProperty('authorization')
  })

  test.each<[string, Partial<AddProviderInput>, Partial<UpdateProviderInput>, string]>([
    ['key', { apiKey: key }, { baseUrl: elsewhere }, 'apiKey'],
    ['headers', { headers: { 'X-Key': key } }, { baseUrl: elsewhere }, 'headers'],
    ["account's key", { accounts: [{ name: 'a', apiKey: key }] }, { baseUrl: elsewhere }, 'accounts'],
    [
      'key, by way of an account,',
      { apiKey: key },
      { accounts: [{ name: 'a', baseUrl: elsewhere, apiKey: 'other' }] },
      'apiKey',
    ],
    [
      "account's own key",
      { accounts: [{ name: 'a', apiKey: key }] },
      { accounts: [{ name: 'a', baseUrl: elsewhere }] },
      'accounts.0.apiKey',
    ],
    ['key, to another API,', { apiKey: key }, { kind: 'anthropic' }, 'apiKey'],
  ])('cannot send a %s that it does not hold to another address', async (_, fields, change, field) => {
    const id = `kept-${field.replaceAll('.', '-').toLowerCase()}-${Object.keys(change).join('-').toLowerCase()}`
    await add({ id, ...fields })
    expect(await refusal({ providerId: id, ...change })).toEqual([['BAD_USER_INPUT', field]])
  })

  test('takes a new address with a new key, or with none', async () => {
    const id = 'moving'
    await add({ id, apiKey: key })
    const { settings: cleared } = await update({ providerId: id, baseUrl: elsewhere, apiKey: null })
    expect(cleared).toMatchObject({ baseUrl: elsewhere, hasApiKey: false })
    const { settings: given } = await update({ providerId: id, baseUrl: model.baseUrl, apiKey: key })
    expect(given).toMatchObject({ baseUrl: model.baseUrl, hasApiKey: true })
  })

  test("keeps an account's key under the account's name", async () => {
    const accounts = [
      { name: 'a', apiKey: 'sk-a' },
      { name: 'b', apiKey: 'sk-b', weight: 3 },
    ]
    const added = await add({ id: 'accounts', accounts })
    expect(added.settings?.accounts).toMatchObject([
      { name: 'a', weight: 1, hasApiKey: true, health: 'UNKNOWN' },
      { name: 'b', weight: 3, hasApiKey: true },
    ])
    const changed = await update({ providerId: 'accounts', accounts: [{ name: 'b', weight: 5 }, { name: 'c' }] })
    expect(changed.settings?.accounts).toMatchObject([
      { name: 'b', weight: 5, hasApiKey: true },
      { name: 'c', weight: 1, hasApiKey: false },
    ])
    await update({ providerId: 'accounts', accounts: [{ name: 'b' }] })
    await complete('accounts/scripted-model')
    expect(sentHeaders()).toMatchObject({ authorization: 'Bearer sk-b' })
  })

  test('switches a provider off and on', async () => {
    await add({ id: 'switched' })
    expect(await update({ providerId: 'switched', enabled: false })).toMatchObject({
      enabled: false,
      health: 'UNKNOWN',
    })
    const { errors } = await complete('switched/scripted-model')
    expect(errors[0]?.extensions).toMatchObject({ code: 'PROVIDER_UNAVAILABLE', field: 'modelId' })
    const idsOf = async (includeDisabled: boolean) =>
      (await client.request(ListProvidersDocument, { includeDisabled })).providers.map(({ id }) => id)
    expect(await idsOf(false)).not.toContain('switched')
    expect(await idsOf(true)).toEqual(expect.arrayContaining(['switched', 'fixed', 'demo']))
    await update({ providerId: 'switched', enabled: true })
    expect((await complete('switched/scripted-model')).errors).toEqual([])
  })

  test.each(['demo', 'fixed'])('is refused of %s, which the configuration has', async (providerId) => {
    expect(await refusal({ providerId, enabled: true })).toEqual([['CONFLICT', 'providerId']])
    const { errors } = await client.respond(RemoveProviderDocument, { input: { providerId } })
    expect(errors[0]?.extensions).toMatchObject({ code: 'CONFLICT', field: 'providerId' })
  })

  test.each(['nobody', '', 'a\u0000', '__proto__'])('is NOT_FOUND of %j', async (providerId) => {
    expect(await refusal({ providerId, enabled: true })).toEqual([['NOT_FOUND', 'providerId']])
    const { errors } = await client.respond(RemoveProviderDocument, { input: { providerId } })
    expect(errors[0]?.extensions).toMatchObject({ code: 'NOT_FOUND', field: 'providerId' })
  })

  test('of the same provider by two at a time loses neither, or is a CONFLICT', async () => {
    await add({ id: 'contended' })
    const changes: readonly Partial<UpdateProviderInput>[] = [{ timeoutMs: 1111 }, { idleTimeoutMs: 2222 }]
    const responses = await Promise.all(
      changes.map((change) =>
        client.respond(UpdateProviderDocument, { input: { providerId: 'contended', ...change } }),
      ),
    )
    const { settings } = await update({ providerId: 'contended' })
    for (const [index, { errors }] of responses.entries()) {
      if (errors.length === 0) expect(settings).toMatchObject(changes[index] ?? {})
      else expect(errors[0]?.extensions.code).toBe('CONFLICT')
    }
    expect(responses.some(({ errors }) => errors.length === 0)).toBe(true)
  })
})

test.each(['removed', 'changed'])('a run in flight goes on to its end at a provider that is %s', async (what) => {
  const id = `flight-${what}`
  await add({ id, apiKey: key })
  model.hold()
  const asked = await ask(client, `While ${what}`, { modelId: `${id}/scripted-model` })
  const exchange = await requestFor(model, `While ${what}`)
  await using watcher = await Follower.open(server, { threadId: asked.threadId, after: asked.streamCursor })
  await exchange.text('Still ')
  await watcher.nextOf('TextDelta')
  if (what === 'removed') await remove(id)
  else await update({ providerId: id, baseUrl: elsewhere, apiKey: 'another-key' })
  await exchange.text('here')
  await exchange.finish()
  await watcher.nextStatus('COMPLETED', asked.runId)
  expect(await readMessage(client, asked.answerId)).toMatchObject({ text: 'Still here', status: 'COMPLETED' })
  if (what === 'removed') {
    const { errors } = await complete(`${id}/scripted-model`)
    expect(errors[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', field: 'modelId' })
  }
})

test('a run that waits for a provider that is removed meanwhile fails, and says why', async () => {
  await add({ id: 'leaving' })
  model.hold()
  const modelId = 'leaving/scripted-model'
  const first = await ask(client, 'Goes on', { modelId })
  const exchange = await requestFor(model, 'Goes on')
  const second = await ask(client, 'Comes too late', { modelId, threadId: first.threadId })
  await using watcher = await Follower.open(server, { threadId: first.threadId, after: second.streamCursor })
  await remove('leaving')
  await exchange.finish()
  await watcher.nextStatus('COMPLETED', first.runId)
  await watcher.nextStatus('FAILED', second.runId)
  expect((await readRun(client, second.runId)).error).toMatchObject({
    code: 'PROVIDER_ERROR',
    message: expect.stringContaining('no such model'),
    retryable: false,
  })
})
