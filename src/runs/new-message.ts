import { attachToMessage } from '../attachments/attachment-rows.ts'
import type { Viewer } from '../auth/viewer.ts'
import { newestMessageId } from '../chat/branches.ts'
import { createThread, touchThread } from '../chat/threads.ts'
import type { Prisma } from '../database/generated/client.ts'
import { notFound } from '../platform/errors.ts'
import { newId } from '../platform/ids.ts'
import type { ClientTool } from '../tools/client-tools.ts'
import { type MadeRoom, makeRoom, type WhenBusy } from './busy.ts'
import type { RunOptions } from './run-options.ts'
import { lockThread } from './run-rows.ts'

/** What is to be stored: a user's message, a run that answers one, or both. */
export interface NewMessage {
  /** Null creates a thread. */
  readonly threadId: string | null
  /** Null stores no user message: the run answers `parent` again. */
  readonly text: string | null
  /** The owner's files that the user's message is sent with. */
  readonly attachmentIds: readonly string[]
  readonly parent: Parent
  readonly whenBusy: WhenBusy
  /** Null asks no model. */
  readonly run: NewRun | null
  /** Which field named the thread. */
  readonly field: string
}

/** What the new message, or the new answer, follows: a message, nothing, or the thread's newest. */
export type Parent = { readonly kind: 'message'; readonly id: string | null } | { readonly kind: 'newest' }

export interface NewRun {
  readonly modelId: string
  readonly options: RunOptions
  readonly clientTools: readonly ClientTool[]
  readonly requestId: string
  /** Told the run's id before others can see the run. */
  readonly announce: (runId: string) => void
}

export interface StoredMessage {
  readonly threadId: string
  readonly userMessageId: string | null
  readonly runId: string | null
  readonly answerId: string | null
  readonly room: MadeRoom
}

/** Stores it, in a transaction: all of it, or, with NOT_FOUND or CONFLICT, nothing. */
export async function storeMessage(
  viewer: Viewer,
  transaction: Prisma.TransactionClient,
  { threadId: givenThreadId, text, attachmentIds, parent, whenBusy, run, field }: NewMessage,
): Promise<StoredMessage> {
  const threadId = givenThreadId ?? (await createThread(viewer, transaction, {})).id
  // One writer a thread at a time: what follows reads the thread's last message and open runs, and adds to them.
  if (givenThreadId !== null && !(await lockThread(viewer, transaction, threadId))) throw notFound('thread', field)
  const room = await makeRoom(transaction, threadId, whenBusy)
  const newest = await newestMessageId(viewer, transaction, threadId)
  // Under ROLLBACK the message takes the stopped one's place, unless it was given a place of its own.
  const parentId = parent.kind === 'message' ? parent.id : room.parentId !== undefined ? room.parentId : newest

  const common = { threadId, ownerId: viewer.id }
  let userMessageId: string | null = null
  if (text !== null) {
    userMessageId = newId('message', newest)
    await transaction.message.create({
      data: {
        ...common,
        id: userMessageId,
        parentId,
        role: 'USER',
        status: 'COMPLETED',
        text,
        parts: [{ type: 'text', step: 0, length: text.length }],
      },
    })
    await attachToMessage(viewer, transaction, { messageId: userMessageId, attachmentIds, field: 'attachmentIds' })
  }
  const questionId = userMessageId ?? parentId
  let answerId: string | null = null
  let runId: string | null = null
  if (run) {
    runId = newId('run', await newestRunId(transaction, threadId))
    run.announce(runId)
    answerId = newId('message', userMessageId ?? newest)
    await transaction.message.create({
      data: {
        ...common,
        id: answerId,
        parentId: questionId,
        role: 'ASSISTANT',
        status: 'PENDING',
        text: '',
        modelId: run.modelId,
      },
    })
    await transaction.run.create({
      data: {
        ...common,
        id: runId,
        status: 'QUEUED',
        userMessageId: questionId,
        messageId: answerId,
        modelId: run.modelId,
        requestedModelId: run.modelId,
        options: { ...run.options },
        clientTools: run.clientTools.map((tool) => ({ ...tool })),
        requestId: run.requestId,
      },
    })
  }
  await touchThread(viewer, transaction, threadId)
  return { threadId, userMessageId: userMessageId ?? questionId, runId, answerId, room }
}

async function newestRunId(transaction: Prisma.TransactionClient, threadId: string): Promise<string | null> {
  const newest = await transaction.run.findFirst({ where: { threadId }, orderBy: { id: 'desc' }, select: { id: true } })
  return newest?.id ?? null
}
