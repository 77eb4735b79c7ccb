import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  CreateThreadDocument,
  SearchDocument,
  SearchStatusDocument,
  SendMessageDocument,
  UpdateUserDocument,
} from './generated/graphql.ts'
import { type AccountsFixture, type Member, startAccounts } from './support/accounts.ts'
import { find, indexed } from './support/search.ts'

const secret = 'The launch code of the heron is 7319.'
const modes = ['HYBRID', 'SEMANTIC', 'FULL_TEXT', 'REGEX'] as const

let accounts: AccountsFixture
let owner: Member
let other: Member
let threadId: string

beforeAll(async () => {
  accounts = await startAccounts({ config: { llm: { enabled: false }, search: { minSimilarity: 0 } } })
  owner = await accounts.addMember()
  other = await accounts.addMember()
  const { sendMessage } = await owner.client.request(SendMessageDocument, { input: { text: secret } })
  threadId = sendMessage.thread.id
  await indexed(accounts.admin.client)
}, 90_000)

afterAll(() => accounts?.[Symbol.asyncDispose]())

describe.each(modes)('%s', (mode) => {
  test('finds what is its caller’s, and nothing of it for others', async () => {
    expect(await find(owner.client, 'heron', { mode })).toHaveLength(1)
    for (const { client } of [other, accounts.admin]) {
      const { search } = await client.request(SearchDocument, { query: 'heron', mode })
      expect(search).toMatchObject({ edges: [], pageInfo: { hasNextPage: false, endCursor: null } })
      expect(search.totalCount ?? 0).toBe(0)
    }
  })

  test("another's thread is as one that does not exist", async () => {
    const responses = await Promise.all(
      [threadId, 'thread_0', 'nothing'].map((id) =>
        other.client.respond(SearchDocument, { query: 'heron', mode, threadId: id }),
      ),
    )
    for (const { data, errors } of responses) {
      expect(data).toBeNull()
      expect(errors[0]).toMatchObject({
        message: 'threadId: no such thread.',
        extensions: { code: 'NOT_FOUND', field: 'threadId' },
      })
    }
  })

  test("another's cursor is of no use", async () => {
    const { search } = await owner.client.request(SearchDocument, { query: 'heron', mode })
    const found = await find(other.client, 'heron', { mode, after: search.pageInfo.endCursor ?? null })
    expect(found).toEqual([])
  })
})

test('what their lists do not allow any more, its owner does not find', async () => {
  const member = await accounts.addMember({ allowedProducts: ['alpha'] })
  const { createThread } = await member.client.request(CreateThreadDocument, {
    input: { metadata: { product_id: 'alpha' } },
  })
  const input = { threadId: createThread.thread.id, text: 'A kingfisher over the pond.' }
  await member.client.request(SendMessageDocument, { input })
  await indexed(accounts.admin.client)
  for (const mode of modes) expect(await find(member.client, 'kingfisher', { mode })).toHaveLength(1)
  await accounts.admin.client.request(UpdateUserDocument, { input: { userId: member.id, allowedProducts: [] } })
  for (const mode of modes) expect(await find(member.client, 'kingfisher', { mode })).toEqual([])
})

test('how far the index is, an ADMIN may know', async () => {
  const { searchStatus } = await accounts.admin.client.request(SearchStatusDocument, {})
  expect(searchStatus).toMatchObject({ pendingMessages: 0, passages: 2, embedded: 2, isEnglishOnly: true })
  const { errors } = await owner.client.respond(SearchStatusDocument, {})
  expect(errors[0]?.extensions.code).toBe('FORBIDDEN')
})

test('what takes part of a score, or a query, that cannot be is refused with its field', async () => {
  const refused = async (variables: object) => {
    const { errors } = await owner.client.respond(SearchDocument, { query: 'heron', ...variables })
    return errors[0]?.extensions
  }
  expect(await refused({ query: '  ' })).toMatchObject({ code: 'BAD_USER_INPUT', field: 'query' })
  expect(await refused({ query: 'a\0b' })).toMatchObject({ code: 'BAD_USER_INPUT', field: 'query' })
  expect(await refused({ query: 'a'.repeat(2_001) })).toMatchObject({ code: 'TOO_LARGE', field: 'query' })
  expect(await refused({ minScore: 1.5 })).toMatchObject({ code: 'BAD_USER_INPUT', field: 'minScore' })
  expect(await refused({ after: 'x' })).toMatchObject({ code: 'BAD_USER_INPUT', field: 'after' })
})
