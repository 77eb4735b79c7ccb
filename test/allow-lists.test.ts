import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newUlid } from '../src/platform/ids.ts'
import { operationsOnThreads } from './support/allow-list-operations.ts'
import type { Response } from './support/client.ts'
import {
  type Conversation,
  converse,
  type ListedUsers,
  type Lists,
  missingConversation,
  type Session,
  startListedUsers,
  waitingIn,
} from './support/listed-users.ts'

let users: ListedUsers
beforeAll(async () => {
  users = await startListedUsers()
})
afterAll(() => users[Symbol.asyncDispose]())

const metadata = { product_id: 'shoes', agent_id: 'helper' }
const allowed: Lists = { products: ['hats', 'shoes'], agents: ['helper'] }
/** Lists that do not allow the thread, each for another reason. */
const refused: Record<string, Lists> = {
  'no lists': {},
  'no product': { products: [], agents: ['*'] },
  'no agent': { products: ['*'], agents: [] },
  'another product': { products: ['hats'], agents: ['helper'] },
  'other upper and lower case': { products: ['Shoes'], agents: ['helper'] },
  'a longer name': { products: ['shoes2', 'sho'], agents: ['helper'] },
  'the lists swapped': { products: ['helper'], agents: ['shoes'] },
  'a role that only reads, and no lists': { role: 'reader' },
}
const accepted: Record<string, Lists> = {
  'lists that name both': allowed,
  '`*` in both': { products: ['*'], agents: ['*'] },
  '`*` beside other names': { products: ['hats', '*'], agents: ['helper'] },
  'the role ADMIN and empty lists': { role: 'admin' },
}

const read = 'query ($id: ID!) { thread(id: $id) { id metadata } }'
const list = '{ threads { nodes { id } totalCount } }'
const create = 'mutation ($input: CreateThreadInput!) { createThread(input: $input) { thread { id metadata } } }'
const update = 'mutation ($input: UpdateThreadInput!) { updateThread(input: $input) { thread { id metadata } } }'

async function listed(session: Session): Promise<{ ids: string[]; totalCount: number }> {
  const { threads } = await session.request<{ threads: { nodes: { id: string }[]; totalCount: number } }>(list)
  return { ids: threads.nodes.map(({ id }) => id), totalCount: threads.totalCount }
}

/** How many approvals wait for the session's user, and how many tools they let run, as far as this session shows. */
async function countsOf(session: Session): Promise<{ waiting: number; granted: number }> {
  const { pendingApprovals, toolGrants } = await session.request<
    Record<'pendingApprovals' | 'toolGrants', { nodes: object[]; totalCount: number }>
  >('{ pendingApprovals { nodes { id } totalCount } toolGrants { nodes { id } totalCount } }')
  for (const { nodes, totalCount } of [pendingApprovals, toolGrants]) expect(nodes).toHaveLength(totalCount)
  return { waiting: pendingApprovals.totalCount, granted: toolGrants.totalCount }
}

/** The whole of it, with every id that it could tell its subject by taken out. */
function withoutIds(responses: readonly Response<unknown>[]): unknown {
  const text = JSON.stringify(responses).replaceAll(/\b[a-z]+_[0-9a-z]{26}\b/g, 'ID')
  return JSON.parse(text.replaceAll(/"requestId":"[^"]*"/g, '"requestId":"…"'))
}

/** Everything that is stored of a thread, and when it changed. */
async function everythingOf(session: Session, { threadId }: Conversation): Promise<unknown> {
  return session.request(
    `query ($id: ID!) {
      thread(id: $id) {
        id title metadata updatedAt deletedAt
        messages { nodes { id text status updatedAt } totalCount }
        runs { nodes { id status finishedAt toolCalls { id status } } totalCount }
        providerThreads { state updatedAt }
      }
    }`,
    { id: threadId },
  )
}

describe.each(Object.entries(refused))('a thread whose names are not allowed: %s', (_reason, lists) => {
  test('is as if it did not exist in every operation, and none changes it', { timeout: 60_000 }, async () => {
    const user = users.newUser()
    const conversation = await converse(user.with(allowed), metadata)
    const before = await everythingOf(user.with(allowed), conversation)
    const refusedSession = user.with(lists)
    for (const [name, operation] of Object.entries(operationsOnThreads)) {
      if (lists.role === 'reader' && operation.changes) continue
      const hidden = await operation.act(refusedSession, conversation)
      const missing = await operation.act(refusedSession, { ...conversation, ...missingConversation() })
      expect(withoutIds(hidden), name).toEqual(withoutIds(missing))
      expect(JSON.stringify(hidden), name).not.toContain('Hello')
      if (operation.changes) expect(hidden.at(-1)?.errors[0]?.extensions.code, name).toBe('NOT_FOUND')
    }
    expect(await listed(refusedSession)).toEqual({ ids: [], totalCount: 0 })
    expect(await everythingOf(user.with(allowed), conversation)).toEqual(before)
  })
})

describe.each(Object.entries(accepted))('a thread whose names are allowed: %s', (_reason, lists) => {
  test('is there for every operation', { timeout: 60_000 }, async () => {
    const session = users.newUser().with(lists)
    const shared = await converse(session, metadata)
    expect(await listed(session)).toEqual({ ids: [shared.threadId], totalCount: 1 })
    for (const [name, operation] of Object.entries(operationsOnThreads)) {
      const fresh = operation.changes ? await converse(session, metadata) : shared
      const conversation = operation.decides ? await waitingIn(session, fresh) : fresh
      const responses = await operation.act(session, conversation)
      expect(
        responses.flatMap(({ errors }) => errors),
        name,
      ).toEqual([])
      const text = JSON.stringify(responses.map(({ data }) => data))
      expect(text, name).toMatch(/"[a-z]+_[0-9a-z]{26}"/)
    }
  })
})

test('what waits, and what was granted, in a thread is seen where the thread is', async () => {
  const user = users.newUser()
  const conversation = await converse(user.with(allowed), metadata)
  await waitingIn(user.with(allowed), conversation)
  // One grant for the thread, and one for everywhere.
  expect(await countsOf(user.with(allowed))).toEqual({ waiting: 1, granted: 2 })
  expect(await countsOf(user.with({ products: ['hats'], agents: ['helper'] }))).toEqual({ waiting: 0, granted: 1 })
  expect(await countsOf(user.with({}))).toEqual({ waiting: 0, granted: 1 })
})

test('a thread that names nothing is for every list', async () => {
  const session = users.newUser().with({})
  const { threadId } = await converse(session, { note: 'product_id' })
  expect((await listed(session)).ids).toEqual([threadId])
})

describe('what metadata may name', () => {
  test.each([42, null, true, ['shoes'], { id: 'shoes' }, ''])('%j is no name', async (name) => {
    const session = users.newUser().with({ products: ['*'], agents: ['*'] })
    const { thread } = (await session.request<{ createThread: { thread: { id: string } } }>(create, { input: {} }))
      .createThread
    for (const key of ['product_id', 'agent_id']) {
      const input = { metadata: { [key]: name } }
      for (const { errors } of [
        await session.respond(create, { input }),
        await session.respond(update, { input: { threadId: thread.id, ...input } }),
      ])
        expect(errors[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', field: `metadata.${key}` })
    }
    expect(await session.request(read, { id: thread.id })).toEqual({ thread: { id: thread.id, metadata: {} } })
    expect(await listed(session)).toEqual({ ids: [thread.id], totalCount: 1 })
  })

  test('a name has at most 200 characters', async () => {
    const session = users.newUser().with({ products: ['*'], agents: ['*'] })
    const named = (length: number) =>
      session.respond(create, { input: { metadata: { product_id: 'x'.repeat(length) } } })
    expect((await named(200)).errors).toEqual([])
    expect((await named(201)).errors[0]?.extensions).toMatchObject({ code: 'TOO_LARGE', field: 'metadata.product_id' })
  })

  test('names deeper in the metadata, and other keys, mean nothing', async () => {
    const session = users.newUser().with({})
    const input = { metadata: { nested: { product_id: 'shoes' }, productId: 'shoes', list: [{ agent_id: 1 }] } }
    expect((await session.respond(create, { input })).errors).toEqual([])
    expect((await listed(session)).totalCount).toBe(1)
  })

  test('a thread is created only with names that are allowed', async () => {
    for (const lists of Object.values(refused).filter(({ role }) => role !== 'reader')) {
      const user = users.newUser()
      const { errors } = await user.with(lists).respond(create, { input: { metadata } })
      expect(errors[0]?.extensions.code).toBe('FORBIDDEN')
      expect(errors[0]?.extensions.field).toMatch(/^metadata\.(product|agent)_id$/)
      expect((await listed(user.with({ role: 'admin' }))).totalCount).toBe(0)
    }
  })

  test('a thread is changed only to names that are allowed, and whether it exists makes no difference', async () => {
    const user = users.newUser()
    const conversation = await converse(user.with(allowed), { product_id: 'shoes' })
    const before = await everythingOf(user.with(allowed), conversation)
    const session = user.with({ products: ['shoes'] })
    for (const forbidden of [{ product_id: 'hats' }, { product_id: 'shoes', agent_id: 'helper' }]) {
      const input = (threadId: string) => ({ input: { threadId, title: 'New', metadata: forbidden } })
      const { errors } = await session.respond(update, input(conversation.threadId))
      expect(errors[0]?.extensions.code).toBe('FORBIDDEN')
      const missing = await session.respond(update, input(missingConversation().threadId))
      expect(withoutIds([missing])).toEqual(withoutIds([{ data: null, errors }]))
    }
    expect(await everythingOf(user.with(allowed), conversation)).toEqual(before)
    const changed = await session.respond(update, { input: { threadId: conversation.threadId, metadata: null } })
    expect(changed.errors).toEqual([])
    expect((await listed(user.with({}))).ids).toEqual([conversation.threadId])
  })
})

describe('lists that change', () => {
  test('hide a thread with the next request, and show it again unchanged', async () => {
    const user = users.newUser()
    const conversation = await converse(user.with(allowed), metadata)
    const before = await everythingOf(user.with(allowed), conversation)
    expect(await user.with({}).request(read, { id: conversation.threadId })).toEqual({ thread: null })
    expect(await everythingOf(user.with(allowed), conversation)).toEqual(before)
  })

  test('a repeated request whose thread is no longer allowed is NOT_FOUND, whatever it selects', async () => {
    const user = users.newUser()
    const input = { text: 'Hello', idempotencyKey: newUlid() }
    const send = 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { thread { id } } }'
    const sendAgain = 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { streamCursor } }'
    const { sendMessage } = await user
      .with(allowed)
      .request<{ sendMessage: { thread: { id: string } } }>(send, { input })
    await user.with(allowed).request(update, { input: { threadId: sendMessage.thread.id, metadata } })
    expect((await user.with(allowed).respond(sendAgain, { input })).errors).toEqual([])
    for (const query of [send, sendAgain]) {
      const { errors } = await user.with({}).respond(query, { input })
      expect(errors[0]?.extensions).toMatchObject({ code: 'NOT_FOUND', field: 'idempotencyKey' })
    }
    expect((await listed(user.with({ role: 'admin' }))).totalCount).toBe(1)
  })

  test('a subscription ends when another session gives the thread a name that this one may not use', async () => {
    const user = users.newUser()
    const { threadId, streamCursor } = await converse(user.with({}), null)
    const narrow = user.with({}).follow({ threadId, after: streamCursor })
    const wide = user.with(allowed).follow({ threadId, after: streamCursor })
    // Both are open once something was delivered.
    expect((await narrow.next()).value?.event?.__typename).toBe('MessageChanged')
    expect((await wide.next()).value?.event?.__typename).toBe('MessageChanged')
    await user.with(allowed).request(update, { input: { threadId, metadata } })
    const rest: unknown[] = []
    for await (const { event } of narrow) rest.push(event?.__typename)
    expect(rest.at(-1)).toBe('StreamReset')

    await user
      .with(allowed)
      .request('mutation ($input: SendMessageInput!) { sendMessage(input: $input) { thread { id } } }', {
        input: { threadId, text: 'Further' },
      })
    let runsEnded = 0
    for await (const { event } of wide) {
      expect(event?.__typename).not.toBe('StreamReset')
      if (event?.status === 'COMPLETED' && ++runsEnded === 2) break
    }
  })
})
