import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Viewer } from '../src/auth/viewer.ts'
import { branchTranscript } from '../src/chat/branches.ts'
import { createThread } from '../src/chat/threads.ts'
import type { Message } from '../src/database/generated/client.ts'
import type { Services } from '../src/graphql/context.ts'
import { frozenMessage } from '../src/graphql/message.ts'
import { type Chat, createViewer, openChat, run, storeMessage } from './support/chat.ts'

let chat: Chat
let services: Services
let viewer: Viewer
let threadId: string

beforeAll(async () => {
  chat = await openChat()
  services = chat.services
})
beforeEach(async () => {
  viewer = await createViewer(services.database)
  threadId = (await createThread(viewer, services.database, {})).id
})
afterAll(() => chat[Symbol.asyncDispose]())

const branch = `query ($id: ID!, $leafId: ID, $first: Int, $after: String, $last: Int, $before: String) {
  thread(id: $id) { branch(leafId: $leafId, first: $first, after: $after, last: $last, before: $before) {
    nodes { text } totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  } }
}`

interface Branch {
  nodes: { text: string }[]
  totalCount: number
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string; endCursor: string }
}

async function readBranch(variables: object = {}): Promise<Branch> {
  const outcome = await run(services, viewer, branch, { id: threadId, ...variables })
  expect(outcome.code).toBeUndefined()
  return (outcome.data as never as { thread: { branch: Branch } }).thread.branch
}

const texts = ({ nodes }: Branch) => nodes.map(({ text }) => text).join('')

function store(text: string, parent: Message | null = null): Promise<Message> {
  return storeMessage(viewer, services.database, { threadId, text, parentId: parent?.id ?? null })
}

describe('a branch', () => {
  it('ends in the newest descendant of what it goes through, by default of the newest message', async () => {
    const a = await store('a')
    const b = await store('b', a)
    const c = await store('c', a)
    await store('d', c)
    await store('e', b)
    expect(texts(await readBranch())).toBe('abe')
    expect(texts(await readBranch({ leafId: a.id }))).toBe('abe')
    expect(texts(await readBranch({ leafId: c.id }))).toBe('acd')
    const other = await store('z')
    expect(texts(await readBranch())).toBe('z')
    expect(texts(await readBranch({ leafId: other.id }))).toBe('z')
  })

  it('is empty in an empty thread', async () => {
    expect(await readBranch()).toEqual({
      nodes: [],
      totalCount: 0,
      pageInfo: { hasNextPage: false, hasPreviousPage: false, startCursor: null, endCursor: null },
    })
  })

  it('pages from both ends, and goes on in its branch whatever is written elsewhere', async () => {
    let last: Message | null = null
    for (const text of 'abcdefg') last = await store(text, last)
    const first = await readBranch({ first: 3 })
    expect(texts(first)).toBe('abc')
    expect(first).toMatchObject({ totalCount: 7, pageInfo: { hasNextPage: true, hasPreviousPage: false } })
    await store('x')
    const second = await readBranch({ first: 3, after: first.pageInfo.endCursor })
    expect(texts(second)).toBe('def')
    await store('h', last)
    const third = await readBranch({ first: 3, after: second.pageInfo.endCursor })
    expect(texts(third)).toBe('gh')
    expect(third.pageInfo).toMatchObject({ hasNextPage: false, hasPreviousPage: true })
    expect(texts(await readBranch({ last: 2, before: second.pageInfo.startCursor }))).toBe('bc')
    const between = { after: first.pageInfo.startCursor, before: second.pageInfo.startCursor }
    expect(texts(await readBranch({ last: 5, ...between }))).toBe('bc')
    expect(texts(await readBranch({ first: 0 }))).toBe('')
  })

  it('refuses leaves and cursors of other threads and branches', async () => {
    const a = await store('a')
    const b = await store('b', a)
    const c = await store('c', a)
    const inB = await readBranch({ leafId: b.id })
    const ask = (variables: object) => run(services, viewer, branch, { id: threadId, ...variables })
    expect(await ask({ leafId: c.id, after: inB.pageInfo.endCursor })).toMatchObject({
      code: 'BAD_USER_INPUT',
      field: 'after',
    })
    threadId = (await createThread(viewer, services.database, {})).id
    expect(await ask({ leafId: a.id })).toMatchObject({ code: 'NOT_FOUND', field: 'leafId' })
    expect(await ask({ leafId: 'message_\0' })).toMatchObject({ code: 'NOT_FOUND', field: 'leafId' })
    expect(await ask({ before: inB.pageInfo.endCursor })).toMatchObject({ code: 'BAD_USER_INPUT', field: 'before' })
  })

  it('is what a model is shown: its newest messages up to a leaf, oldest first', async () => {
    let last: Message | null = null
    for (const text of 'abcde') last = await store(text, last)
    await store('f', last)
    const shown = async (leafId: string, limit: number) =>
      (await branchTranscript(viewer, services.database, leafId, limit)).map(({ text }) => text).join('')
    expect(await shown(String(last?.id), 100)).toBe('abcde')
    expect(await shown(String(last?.id), 2)).toBe('de')
    expect(await branchTranscript({ id: 'user_other' }, services.database, String(last?.id), 2)).toEqual([])
  })

  it('is, for every leaf of any tree, the way to it from its root', async () => {
    const trees = fc.array(fc.option(fc.nat()), { minLength: 1, maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(trees, async (parents) => {
        threadId = (await createThread(viewer, services.database, {})).id
        const stored: Message[] = []
        const ways = new Map<string, string>()
        for (const [index, at] of parents.entries()) {
          const parent = at === null ? null : (stored[at % Math.max(1, stored.length)] ?? null)
          const text = String.fromCodePoint(97 + index)
          const message = await store(text, parent)
          ways.set(message.id, (parent === null ? '' : ways.get(parent.id)) + text)
          stored.push(message)
        }
        for (const leaf of stored.filter(({ id }) => stored.every(({ parentId }) => parentId !== id))) {
          expect(texts(await readBranch({ leafId: leaf.id }))).toBe(ways.get(leaf.id))
        }
        expect(texts(await readBranch())).toBe(ways.get(String(stored.at(-1)?.id)))
      }),
      { numRuns: 20 },
    )
  })
})

describe('messages', () => {
  it('know their thread, parent and siblings, roots included', async () => {
    const a = await store('a')
    const b = await store('b', a)
    await store('c', a)
    await store('z')
    const { data } = await run(
      services,
      viewer,
      `{ thread(id: "${threadId}") { messages { nodes { text parentId parent { text } siblings { text } thread { id } } totalCount } }
         node(id: "${b.id}") { ... on Message { text role status thread { id } } } }`,
    )
    const message = (text: string, parent: Message | null, siblings: string) => ({
      text,
      parentId: parent?.id ?? null,
      parent: parent && { text: parent.text },
      siblings: [...siblings].map((sibling) => ({ text: sibling })),
      thread: { id: threadId },
    })
    expect(data).toEqual({
      thread: {
        messages: {
          nodes: [message('z', null, 'az'), message('c', a, 'bc'), message('b', a, 'bc'), message('a', null, 'az')],
          totalCount: 4,
        },
      },
      node: { text: 'b', role: 'USER', status: 'COMPLETED', thread: { id: threadId } },
    })
  })

  it('are listed newest first, page by page', async () => {
    for (const text of 'abcde') await store(text)
    const list = `query ($after: String) { thread(id: "${threadId}") {
      messages(first: 2, after: $after) { nodes { text } pageInfo { endCursor hasNextPage } } } }`
    let seen = ''
    let after: string | null = null
    for (;;) {
      const { data } = await run(services, viewer, list, { after })
      const page = (data as never as { thread: { messages: Branch } }).thread.messages
      seen += texts(page)
      after = page.pageInfo.endCursor
      if (!page.pageInfo.hasNextPage) break
    }
    expect(seen).toBe('edcba')
  })

  it('that are being written are shown as far as the stream has them, frozen ones as they are', async () => {
    const row = await services.database.message.update({
      where: { id: (await store('He')).id },
      data: { status: 'STREAMING', role: 'ASSISTANT' },
    })
    chat.stream.append(threadId, 'run_1', { type: 'text-delta', text: 'He' }, { messageId: row.id, offset: 0 })
    chat.stream.append(threadId, 'run_1', { type: 'text-delta', text: 'llo' }, { messageId: row.id, offset: 2 })
    const { data } = await run(services, viewer, `{ node(id: "${row.id}") { ... on Message { text reasoning } } }`)
    expect(data).toEqual({ node: { text: 'Hello', reasoning: null } })
    expect(Object.isFrozen(frozenMessage(row))).toBe(true)
  })
})
