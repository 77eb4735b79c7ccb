import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Viewer } from '../src/auth/viewer.ts'
import { purgeDeletedThreads, purgeThread, softDeleteThread, touchThread } from '../src/chat/threads.ts'
import type { Services } from '../src/graphql/context.ts'
import { type Chat, createViewer, openChat, run, storeMessage } from './support/chat.ts'

let chat: Chat
let services: Services
let viewer: Viewer

beforeAll(async () => {
  chat = await openChat()
  services = chat.services
})
beforeEach(async () => {
  viewer = await createViewer(services.database)
})
afterAll(() => chat[Symbol.asyncDispose]())

const create =
  'mutation ($input: CreateThreadInput!) { createThread(input: $input) { thread { id title summary metadata } } }'
const update =
  'mutation ($input: UpdateThreadInput!) { updateThread(input: $input) { thread { id title summary instructions metadata modelId updatedAt } } }'
const list = `query ($first: Int, $after: String, $last: Int, $before: String, $filter: ThreadFilter) {
  threads(first: $first, after: $after, last: $last, before: $before, filter: $filter) {
    nodes { id title } edges { cursor } totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}`

async function createThread(input: object = {}): Promise<string> {
  const { data, code } = await run(services, viewer, create, { input })
  expect(code).toBeUndefined()
  return (data as never as { createThread: { thread: { id: string } } }).createThread.thread.id
}

interface Listed {
  nodes: { id: string; title: string | null }[]
  edges: { cursor: string }[]
  totalCount: number
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string | null; endCursor: string | null }
}

async function listThreads(variables: object = {}): Promise<Listed> {
  const { data, code } = await run(services, viewer, list, { ...variables })
  expect(code).toBeUndefined()
  return (data as never as { threads: Listed }).threads
}

async function threadRows() {
  return services.database.thread.findMany({ where: { ownerId: viewer.id }, orderBy: { id: 'asc' } })
}

describe('threads', () => {
  it('keep what they were created with', async () => {
    const input = { title: 'T', summary: 'S', metadata: { a: [1, { b: null }] } }
    const { data } = await run(services, viewer, create, { input })
    expect(data).toMatchObject({ createThread: { thread: input } })
  })

  it('are changed only in the fields that are given, and cleared by null', async () => {
    const threadId = await createThread({ title: 'T', summary: 'S', instructions: 'I', metadata: { a: 1 } })
    const { data } = await run(services, viewer, update, { input: { threadId, title: null, metadata: { b: 2 } } })
    expect(data).toMatchObject({
      updateThread: { thread: { title: null, summary: 'S', instructions: 'I', metadata: { b: 2 } } },
    })
    const cleared = await run(services, viewer, update, { input: { threadId, metadata: null } })
    expect(cleared.data).toMatchObject({ updateThread: { thread: { metadata: {} } } })
  })

  it('are listed last changed first, with the wildcards of LIKE taken as they are', async () => {
    const first = await createThread({ title: '100%_sure' })
    const second = await createThread({ title: '1000 sure' })
    await createThread({ title: 'a\\b' })
    expect((await listThreads()).nodes.map(({ title }) => title)).toEqual(['a\\b', '1000 sure', '100%_sure'])
    await touchThread(viewer, services.database, first)
    expect((await listThreads()).nodes[0]?.id).toBe(first)
    const found = async (titleContains: string) => (await listThreads({ filter: { titleContains } })).nodes
    expect((await found('0%_S')).map(({ id }) => id)).toEqual([first])
    expect((await found('SURE')).map(({ id }) => id)).toEqual([first, second])
    expect(await found('\\')).toHaveLength(1)
  })

  it('page without loss or repeat while threads move and vanish between pages', async () => {
    const ids: string[] = []
    for (let index = 0; index < 9; index++) ids.push(await createThread({ title: `${index}` }))
    const first = await listThreads({ first: 3 })
    expect(first.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: false })
    expect(first.totalCount).toBe(9)
    await touchThread(viewer, services.database, String(ids[0]))
    await softDeleteThread(viewer, services.database, String(first.nodes[2]?.id))
    const second = await listThreads({ first: 3, after: first.pageInfo.endCursor })
    const third = await listThreads({ first: 3, after: second.pageInfo.endCursor })
    expect([...first.nodes, ...second.nodes, ...third.nodes].map(({ title }) => title)).toEqual([
      '8',
      '7',
      '6',
      '5',
      '4',
      '3',
      '2',
      '1',
    ])
    expect(third.pageInfo.hasNextPage).toBe(false)
    const back = await listThreads({ last: 2, before: third.pageInfo.startCursor })
    expect(back.nodes.map(({ title }) => title)).toEqual(['4', '3'])
    expect(back.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: true })
  })

  it('are another user’s secret in every operation', async () => {
    const threadId = await createThread({ title: 'mine' })
    const message = await storeMessage(viewer, services.database, { threadId, text: 'hello' })
    const stranger = await createViewer(services.database)
    const read = await run(
      services,
      stranger,
      'query ($id: ID!, $ids: [ID!]!) { thread(id: $id) { id } node(id: $id) { id } nodes(ids: $ids) { id } threads { totalCount } }',
      { id: threadId, ids: [threadId, message.id, viewer.id] },
    )
    expect(read.data).toEqual({ thread: null, node: null, nodes: [null, null, null], threads: { totalCount: 0 } })
    const changed = await run(services, stranger, update, { input: { threadId, title: 'theirs' } })
    expect(changed).toMatchObject({ code: 'NOT_FOUND', field: 'threadId' })
    await expect(softDeleteThread(stranger, services.database, threadId)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(purgeThread(stranger, services.database, threadId)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(await threadRows()).toMatchObject([{ title: 'mine', deletedAt: null }])
  })

  it('that are deleted are listed apart, refuse changes, and can be restored until they are purged', async () => {
    const threadId = await createThread({ title: 'gone' })
    await softDeleteThread(viewer, services.database, threadId)
    expect((await listThreads()).nodes).toEqual([])
    expect((await listThreads({ filter: { deleted: true } })).nodes).toMatchObject([{ id: threadId }])
    const read = await run(services, viewer, `{ thread(id: "${threadId}") { deletedAt } }`)
    expect(read.data).toMatchObject({ thread: { deletedAt: expect.any(String) } })
    expect(await run(services, viewer, update, { input: { threadId, title: 'x' } })).toMatchObject({
      code: 'NOT_FOUND',
      field: 'threadId',
    })
    const restore = `mutation { restoreThread(input: { threadId: "${threadId}" }) { thread { deletedAt title } } }`
    for (const _ of ['deleted', 'restored']) {
      const { data } = await run(services, viewer, restore)
      expect(data).toEqual({ restoreThread: { thread: { deletedAt: null, title: 'gone' } } })
    }
    await softDeleteThread(viewer, services.database, threadId)
    expect(await purgeDeletedThreads(services.database, new Date(0), 10)).toEqual([])
    expect(await purgeDeletedThreads(services.database, new Date(Date.now() + 1000), 10)).toContain(threadId)
    expect((await run(services, viewer, restore)).code).toBe('NOT_FOUND')
  })
})

describe('bad input', () => {
  it.each([
    ['title', 'a\0b', 'BAD_USER_INPUT', 'title'],
    ['summary', 'a\uD800b', 'BAD_USER_INPUT', 'summary'],
    ['instructions', 'x'.repeat(1_000_000), 'TOO_LARGE', 'instructions'],
    ['title', 'x'.repeat(1_001), 'TOO_LARGE', 'title'],
    ['modelId', '\0', 'BAD_USER_INPUT', 'modelId'],
    ['metadata', [1], 'BAD_USER_INPUT', 'metadata'],
    ['metadata', 'text', 'BAD_USER_INPUT', 'metadata'],
    ['metadata', JSON.parse('{"a":{"__proto__":{"admin":true}}}'), 'BAD_USER_INPUT', 'metadata.a'],
    ['metadata', { a: [{ b: '\0' }] }, 'BAD_USER_INPUT', 'metadata.a.0.b'],
    ['metadata', { '\uDC00': 1 }, 'BAD_USER_INPUT', 'metadata'],
    ['metadata', { a: 'x'.repeat(70_000) }, 'TOO_LARGE', 'metadata'],
    ['metadata', JSON.parse(`{"a":${'['.repeat(30_000)}${']'.repeat(30_000)}}`), 'BAD_USER_INPUT', expect.any(String)],
  ])('in %s (%#) gets a code and the field, and changes nothing', async (name, value, code, field) => {
    const threadId = await createThread({ title: 'before' })
    const before = await threadRows()
    expect(await run(services, viewer, create, { input: { [name]: value } })).toMatchObject({ code, field })
    expect(await run(services, viewer, update, { input: { threadId, [name]: value } })).toMatchObject({ code, field })
    expect(await threadRows()).toEqual(before)
  })

  it('in metadata that is written into the query is seen as well', async () => {
    const outcome = await run(
      services,
      viewer,
      'mutation { createThread(input: { metadata: { a: { __proto__: { b: 1 } } } }) { thread { id } } }',
    )
    expect(outcome).toMatchObject({ code: 'BAD_USER_INPUT', field: 'metadata.a' })
  })

  it.each([
    [{ first: -1 }, 'first'],
    [{ first: 101 }, 'first'],
    [{ last: -1 }, 'last'],
    [{ first: 1, last: 1 }, 'last'],
    [{ after: 'nonsense' }, 'after'],
    [{ before: '' }, 'before'],
    [{ after: Buffer.from('threads:\0').toString('base64url') }, 'after'],
    [{ after: Buffer.from('messages:thread_1:message_1').toString('base64url') }, 'after'],
    [{ filter: { titleContains: '\0' } }, 'titleContains'],
    [{ filter: { modelId: '\0' } }, 'modelId'],
  ])('of pages, %j, names the argument', async (variables, field) => {
    expect(await run(services, viewer, list, variables)).toMatchObject({ code: 'BAD_USER_INPUT', field })
  })

  it.each(['', 'thread_\0', 'message_01jd7k2v9r3m8q5x1c4t6w0ybz', 'nothing', 'x'.repeat(1_000_000)])(
    'as an id (%#) is what is missing',
    async (id) => {
      const read = await run(services, viewer, 'query ($id: ID!) { thread(id: $id) { id } node(id: $id) { id } }', {
        id,
      })
      expect(read.data).toEqual({ thread: null, node: null })
      expect(await run(services, viewer, update, { input: { threadId: id } })).toMatchObject({
        code: 'NOT_FOUND',
        field: 'threadId',
      })
    },
  )
})

describe('who is calling', () => {
  it('decides about everything but viewer and server', async () => {
    const open = await run(
      services,
      null,
      '{ viewer { id } server { name version connectedClients features startedAt } }',
    )
    expect(open.data).toEqual({
      viewer: null,
      server: {
        name: 'Parley',
        version: '1.2.3',
        connectedClients: 3,
        features: { llm: true },
        startedAt: '1970-01-01T00:00:00.000Z',
      },
    })
    expect((await run(services, null, '{ threads { totalCount } }')).code).toBe('UNAUTHENTICATED')
    expect((await run(services, null, create, { input: {} })).code).toBe('UNAUTHENTICATED')
  })

  it('can be read as viewer and as node', async () => {
    const { data } = await run(
      services,
      viewer,
      `{ viewer { id username role allowedProducts allowedAgents } node(id: "${viewer.id}") { __typename id } }`,
    )
    expect(data).toEqual({
      viewer: { id: viewer.id, username: 'someone', role: 'USER', allowedProducts: ['*'], allowedAgents: [] },
      node: { __typename: 'User', id: viewer.id },
    })
  })
})
