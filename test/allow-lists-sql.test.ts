import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Viewer } from '../src/auth/viewer.ts'
import { findMessages } from '../src/chat/messages.ts'
import { countThreads, createThread, getThread, listThreads, updateThread } from '../src/chat/threads.ts'
import { visibleThread, visibleThreadSql } from '../src/chat/visible-threads.ts'
import type { PrismaClient } from '../src/database/generated/client.ts'
import { type Chat, createViewer, openChat, storeMessage } from './support/chat.ts'
import { countRounds, rounds } from './support/rounds.ts'

// The condition that every query starts from, against the sentence that it is to mean.

let chat: Chat
let database: PrismaClient
let owner: Viewer
/** With every pair of names, and a message each. */
const threads: { id: string; productId: string | null; agentId: string | null; messageId: string }[] = []

const names = ['a', 'A', 'a ', 'b', 'b,c', 'é', '𝒳', "x' OR '1'='1", '%', '\\', '**', 'x'.repeat(200)]
/** What lists may hold though no thread can be about it. */
const oddNames = ['', '\0', 'a\0', '\ud800', 'x'.repeat(201)]

beforeAll(async () => {
  chat = await openChat()
  database = chat.database
  owner = { ...(await createViewer(database)), role: 'ADMIN' }
  for (const productId of [null, ...names])
    for (const agentId of [null, 'a', 'b', 'é']) {
      const metadata = { ...(productId !== null && { product_id: productId }), ...(agentId && { agent_id: agentId }) }
      const { id } = await createThread(owner, database, { metadata })
      const message = await storeMessage(owner, database, { threadId: id, text: 'Hello' })
      threads.push({ id, productId, agentId, messageId: message.id })
    }
})
afterAll(() => chat[Symbol.asyncDispose]())

const list = fc.uniqueArray(fc.constantFrom(...names, ...oddNames, '*'), { maxLength: 5 })
const viewers = fc.record({
  role: fc.constantFrom('VIEWER', 'USER', 'ADMIN'),
  allowedProducts: list,
  allowedAgents: list,
})

/** `*` allows all, an empty list none, ADMIN has `*`; a thread that names nothing is for everyone. */
function mayUse({ role }: Pick<Viewer, 'role'>, allowed: readonly string[], name: string | null): boolean {
  return name === null || role === 'ADMIN' || allowed.includes('*') || allowed.includes(name)
}

test('a viewer finds exactly the threads that both lists allow, by every way of asking', {
  timeout: rounds(60_000, 600_000),
}, async ({ task }) => {
  await fc.assert(
    fc.asyncProperty(viewers, async (lists) => {
      const viewer: Viewer = { ...owner, ...lists }
      const allowed = threads.filter(
        ({ productId, agentId }) =>
          mayUse(viewer, lists.allowedProducts, productId) && mayUse(viewer, lists.allowedAgents, agentId),
      )
      const expected = allowed.map(({ id }) => id).sort()

      const byPrisma = await database.thread.findMany({ where: visibleThread(viewer), select: { id: true } })
      const bySql = await database.$queryRaw<{ id: string }[]>`
        SELECT id FROM "Thread" WHERE ${visibleThreadSql(viewer)}`
      const page = await listThreads(viewer, database, {}, { size: 100, from: 'start', after: null, before: null })
      for (const found of [byPrisma, bySql, page.rows]) expect(found.map(({ id }) => id).sort()).toEqual(expected)
      expect(await countThreads(viewer, database, {})).toBe(expected.length)
      const messages = await findMessages(
        viewer,
        database,
        threads.map(({ messageId }) => messageId),
      )
      expect(messages.flatMap((message) => message?.threadId ?? []).sort()).toEqual(expected)
    }),
    { numRuns: countRounds(task, 60, 2_000) },
  )
})

test('nobody finds what is not their own, whatever their lists', async () => {
  const stranger: Viewer = { ...(await createViewer(database)), role: 'ADMIN', allowedProducts: ['*'] }
  expect(await database.thread.count({ where: visibleThread(stranger) })).toBe(0)
  expect(await database.$queryRaw`SELECT id FROM "Thread" WHERE ${visibleThreadSql(stranger)}`).toEqual([])
})

test('the columns follow the metadata, and stay where the metadata does', async () => {
  const thread = await createThread(owner, database, { metadata: { product_id: 'a', agent_id: 'b', other: 1 } })
  const named = async () => {
    const found = await getThread(owner, database, thread.id)
    return [found?.productId, found?.agentId, found?.metadata]
  }
  expect(await named()).toEqual(['a', 'b', { product_id: 'a', agent_id: 'b', other: 1 }])
  await updateThread(owner, database, { threadId: thread.id, title: 'Another' })
  expect((await named()).slice(0, 2)).toEqual(['a', 'b'])
  await updateThread(owner, database, { threadId: thread.id, metadata: { agent_id: 'c' } })
  expect(await named()).toEqual([null, 'c', { agent_id: 'c' }])
  await updateThread(owner, database, { threadId: thread.id, metadata: null })
  expect(await named()).toEqual([null, null, {}])
})
