import { visibleAttachment } from '../attachments/attachment-rows.ts'
import type { Viewer } from '../auth/viewer.ts'
import { visibleInThread, visibleThread } from '../chat/visible-threads.ts'
import type {
  Message,
  PrismaClient,
  Run,
  Thread,
  ToolApproval,
  ToolCall,
  ToolGrant,
  User,
} from '../database/generated/client.ts'

/** Of a file: it is named here, and fetched from its own address. */
const attachmentFields = { id: true, filename: true, mediaType: true, byteSize: true, createdAt: true } as const

/** Rows that are read at a time: a message may be a megabyte. */
const threadsAtATime = 50
const messagesAtATime = 20
const runsAtATime = 100
const attachmentsAtATime = 100

/**
 * All that is stored of a user, as one JSON document in pieces; no more of it is held than a page of messages. Of threads
 * it has those that the viewer may see, deleted ones included. It is no snapshot: what changes meanwhile may be in it as
 * it was or as it is.
 */
export async function* exportUserData(
  viewer: Viewer,
  database: PrismaClient,
  user: User,
  signal: AbortSignal,
): AsyncGenerator<string, void> {
  const where = { userId: user.id }
  const [accessTokens, usage, idempotencyKeys, toolGrants] = await Promise.all([
    database.personalAccessToken.findMany({ where, orderBy: { id: 'asc' } }),
    database.tokenUsage.findMany({ where, orderBy: { day: 'asc' } }),
    database.idempotencyKey.findMany({ where: { ownerId: user.id }, orderBy: { createdAt: 'asc' } }),
    database.toolGrant.findMany({ where: { ownerId: user.id, threadId: null }, orderBy: { id: 'asc' } }),
  ])
  const head = {
    exportedAt: new Date(),
    user: userFields(user),
    personalAccessTokens: accessTokens.map(({ userId: _userId, hash: _hash, ...token }) => token),
    tokenUsage: usage.map(({ day, tokens }) => ({ day: day.toISOString().slice(0, 10), tokens: Number(tokens) })),
    idempotencyKeys: idempotencyKeys.map(({ mutation, key, createdAt }) => ({ mutation, key, createdAt })),
    toolGrants: toolGrants.map(grantFields),
  }
  yield `${JSON.stringify(head).slice(0, -1)},\n"attachments":[`
  yield* items(
    pages(signal, (after) =>
      database.attachment.findMany({
        where: { ...visibleAttachment(viewer), ...after },
        orderBy: { id: 'asc' },
        select: attachmentFields,
        take: attachmentsAtATime,
      }),
    ),
    (file) => file,
  )
  yield '],\n"threads":['
  let separator = '\n'
  for await (const threads of pages(signal, (after) => readThreads(viewer, database, after))) {
    for (const thread of threads) {
      yield separator
      yield* exportThread(viewer, database, thread, signal)
      separator = ',\n'
    }
  }
  yield ']}\n'
}

async function* exportThread(
  viewer: Viewer,
  database: PrismaClient,
  thread: Thread,
  signal: AbortSignal,
): AsyncGenerator<string, void> {
  const { ownerId: _ownerId, revision: _revision, ...fields } = thread
  const inThread = { threadId: thread.id, ...visibleInThread(viewer) }
  const [states, grants] = await Promise.all([
    database.providerThread.findMany({ where: inThread, orderBy: { providerId: 'asc' } }),
    database.toolGrant.findMany({ where: inThread, orderBy: { id: 'asc' } }),
  ])
  const providerThreads = states.map(({ providerId, state, updatedAt }) => ({ providerId, state, updatedAt }))
  const toolGrants = grants.map(grantFields)
  yield `${JSON.stringify({ ...fields, providerThreads, toolGrants }).slice(0, -1)},"messages":[`
  yield* items(
    pages(signal, (after) =>
      database.message.findMany({
        where: { ...inThread, ...after },
        orderBy: { id: 'asc' },
        take: messagesAtATime,
        include: {
          toolCalls: {
            orderBy: [{ step: 'asc' }, { index: 'asc' }],
            include: { approvals: { orderBy: { id: 'asc' } } },
          },
          attachments: { orderBy: { position: 'asc' }, select: { attachmentId: true } },
        },
      }),
    ),
    messageFields,
  )
  yield '],"runs":['
  yield* items(
    pages(signal, (after) =>
      database.run.findMany({ where: { ...inThread, ...after }, orderBy: { id: 'asc' }, take: runsAtATime }),
    ),
    runFields,
  )
  yield ']}'
}

/** The condition on a page's ids: none for the first one. */
type After = { readonly id?: { readonly gt: string } }

function readThreads(viewer: Viewer, database: PrismaClient, after: After): Promise<Thread[]> {
  return database.thread.findMany({
    where: { ...visibleThread(viewer), ...after },
    orderBy: { id: 'asc' },
    take: threadsAtATime,
  })
}

/** Reads page after page, each from the last one's newest id on, until one is empty. */
async function* pages<Row extends { readonly id: string }>(
  signal: AbortSignal,
  read: (after: After) => Promise<readonly Row[]>,
): AsyncGenerator<readonly Row[], void> {
  for (let after: After = {}; ; ) {
    signal.throwIfAborted()
    const rows = await read(after)
    const last = rows.at(-1)
    if (last === undefined) return
    yield rows
    after = { id: { gt: last.id } }
  }
}

async function* items<Row>(
  rowPages: AsyncIterable<readonly Row[]>,
  fieldsOf: (row: Row) => object,
): AsyncGenerator<string, void> {
  let separator = '\n'
  for await (const rows of rowPages) {
    for (const row of rows) {
      yield separator + JSON.stringify(fieldsOf(row))
      separator = ',\n'
    }
  }
}

/** Without what is a secret or the server's own. */
function userFields({ passwordHash: _passwordHash, tokenVersion: _tokenVersion, ...fields }: User): object {
  return fields
}

type ExportedCall = ToolCall & { readonly approvals: readonly ToolApproval[] }

type ExportedMessage = Message & {
  readonly toolCalls: readonly ExportedCall[]
  readonly attachments: readonly { readonly attachmentId: string }[]
}

function messageFields({ ownerId: _ownerId, toolCalls, attachments, ...fields }: ExportedMessage): object {
  return {
    ...fields,
    attachmentIds: attachments.map(({ attachmentId }) => attachmentId),
    toolCalls: toolCalls.map(callFields),
  }
}

function callFields({
  ownerId: _owner,
  threadId: _threadId,
  messageId: _messageId,
  approvals,
  ...fields
}: ExportedCall): object {
  return { ...fields, approvals: approvals.map(approvalFields) }
}

function approvalFields({
  ownerId: _owner,
  threadId: _threadId,
  toolCallId: _toolCallId,
  ...fields
}: ToolApproval): object {
  return fields
}

function grantFields({ ownerId: _owner, threadId: _threadId, ...fields }: ToolGrant): object {
  return fields
}

function runFields(run: Run): object {
  const {
    ownerId: _owner,
    activeThreadId: _active,
    leaseOwner: _lease,
    leaseUntil: _until,
    fence: _fence,
    ...rest
  } = run
  return rest
}
