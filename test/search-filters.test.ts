import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SearchDocument, type SearchQueryVariables } from './generated/graphql.ts'
import { ask, type Conversations, scriptedProvider, startConversations } from './support/conversation.ts'
import { Follower } from './support/follower.ts'
import { type ScriptedModel, startScriptedModel } from './support/scripted-model.ts'
import { type Found, find, indexed } from './support/search.ts'

const resources = new AsyncDisposableStack()
let model: ScriptedModel
let conversations: Conversations
/** The conversation's messages as they were sent, oldest first: a question and its answer by one model, then by another. */
let said: readonly Found[]

beforeAll(async () => {
  model = resources.use(await startScriptedModel())
  const { providers = [], ...config } = scriptedProvider(model)
  const withTwo = providers.map((provider) => ({ ...provider, models: ['scripted-model', 'other-model'] }))
  conversations = resources.use(await startConversations({ config: { ...config, providers: withTwo, search: {} } }))
  for (const modelId of ['scripted/scripted-model', 'scripted/other-model']) await answered(modelId)
  await indexed(conversations.client)
  const all = await find(conversations.client, 'otters', { mode: 'REGEX' })
  said = all.toSorted((one, other) => (one.message.id < other.message.id ? -1 : 1))
}, 90_000)

afterAll(() => resources.disposeAsync())

async function answered(modelId: string): Promise<void> {
  const { client, server } = conversations
  const { threadId, runId } = await ask(client, 'Otters swim in pairs.', { modelId })
  await using follower = await Follower.open(server, { threadId, runId })
  await follower.nextStatus('COMPLETED')
}

async function found(filters: Omit<SearchQueryVariables, 'query'>): Promise<readonly Found[]> {
  const ids = (await find(conversations.client, 'otters', filters)).map(({ message }) => message.id)
  return said.filter(({ message }) => ids.includes(message.id))
}

describe.each(['FULL_TEXT', 'SEMANTIC', 'REGEX', 'HYBRID'] as const)('%s', (mode) => {
  test('finds all without a filter', async () => {
    expect(said.map(({ message }) => message.role)).toEqual(['USER', 'ASSISTANT', 'USER', 'ASSISTANT'])
    expect(await found({ mode })).toEqual(said)
  })

  test('finds what persons said, what models said, and nothing of a role that no message has', async () => {
    expect(await found({ mode, role: 'USER' })).toEqual([said[0], said[2]])
    expect(await found({ mode, role: 'ASSISTANT' })).toEqual([said[1], said[3]])
    expect(await found({ mode, role: 'TOOL' })).toEqual([])
  })

  test('finds what a model wrote or was asked, and what is in one thread', async () => {
    expect(await found({ mode, modelId: 'scripted/scripted-model' })).toEqual(said.slice(0, 2))
    expect(await found({ mode, threadId: said[2]?.thread.id })).toEqual(said.slice(2))
  })

  test('finds from a moment on, that included, and before a moment, that excluded', async () => {
    const moment = createdAt(2)
    expect(moment > createdAt(1)).toBe(true)
    expect(await found({ mode, createdAfter: moment })).toEqual(said.slice(2))
    expect(await found({ mode, createdBefore: moment })).toEqual(said.slice(0, 2))
    expect(await found({ mode, createdAfter: createdAt(0), createdBefore: moment })).toEqual(said.slice(0, 2))
    expect(await found({ mode, createdAfter: moment, createdBefore: moment })).toEqual([])
  })

  test('takes a moment with another offset from UTC for what it is', async () => {
    const inTwoHours = new Date(Date.parse(createdAt(2)) + 2 * 3_600_000).toISOString()
    expect(await found({ mode, createdAfter: inTwoHours.replace('Z', '+02:00') })).toEqual(said.slice(2))
  })

  test('holds a message to all filters', async () => {
    const filters = { mode, modelId: 'scripted/other-model', role: 'ASSISTANT', createdAfter: createdAt(2) } as const
    expect(await found(filters)).toEqual([said[3]])
    expect(await found({ ...filters, threadId: said[0]?.thread.id })).toEqual([])
  })
})

test.each(['0001-01-01T00:00:00Z', '9999-12-31T23:59:59.999Z'])(
  'any moment that can be written is one: %s',
  async (moment) => {
    const [after, before] = [await found({ createdAfter: moment }), await found({ createdBefore: moment })]
    expect([...before, ...after]).toEqual(said)
  },
)

test('what ends before it begins is refused, with the field', async () => {
  const period = { createdAfter: '2026-02-01T00:00:00Z', createdBefore: '2026-01-31T23:59:59.999Z' }
  const { errors } = await conversations.client.respond(SearchDocument, { query: 'otters', ...period })
  expect(errors[0]).toMatchObject({
    message: 'createdAfter: must not be after createdBefore.',
    extensions: { code: 'BAD_USER_INPUT', field: 'createdAfter' },
  })
})

test.each([
  ['a day', '2026-01-31'],
  ['no offset', '2026-01-31T12:00:00'],
  ['a day that there is not', '2026-02-31T12:00:00Z'],
  ['a year that PostgreSQL does not write so', '0000-01-01T00:00:00Z'],
  ['a year of five digits, by its offset', '9999-12-31T23:59:59-12:00'],
])('%s is no moment', async (_name, createdAfter) => {
  const { errors } = await conversations.client.respond(SearchDocument, { query: 'otters', createdAfter })
  expect(errors[0]?.extensions.code).toBe('BAD_USER_INPUT')
})

test('no provider is shown what is indexed and searched, where none is named for it', async () => {
  await found({ mode: 'SEMANTIC' })
  const asked = model.requests.map(({ body }) => JSON.stringify(body)).filter((body) => body?.includes('tters'))
  expect(asked).toHaveLength(2)
})

function createdAt(index: number): string {
  return said[index]?.message.createdAt ?? ''
}
