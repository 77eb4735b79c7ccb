import type { AttachmentInfo } from '../attachments/attachment-rows.ts'
import type { Viewer } from '../auth/viewer.ts'
import { requireMessage } from '../chat/messages.ts'
import { getThread, requireThread } from '../chat/threads.ts'
import type { Thread } from '../database/generated/client.ts'
import { badInput, notFound } from '../platform/errors.ts'
import { cleanText } from '../platform/text.ts'
import type { GivenClientTool } from '../tools/client-tools.ts'
import { tellEnded, type WhenBusy } from './busy.ts'
import { type Idempotency, once } from './idempotency.ts'
import { type NewMessage, type Parent, type StoredMessage, storeMessage } from './new-message.ts'
import type { Origin } from './origin.ts'
import { estimateRun } from './quotas.ts'
import { checkedOptions, type GivenOptions, optionsFor } from './run-options.ts'
import { checkedTools } from './run-tools.ts'
import type { RunServices } from './runs.ts'
import { filesOf, requireReadable } from './sent-files.ts'

/** What all mutations that start a run take. */
interface SendOptions {
  readonly modelId?: string | null | undefined
  readonly idempotencyKey?: string | null | undefined
  readonly whenBusy?: WhenBusy | null | undefined
  readonly options?: GivenOptions | null | undefined
  readonly clientTools?: readonly GivenClientTool[] | null | undefined
}

export interface SendMessageInput extends SendOptions {
  readonly threadId?: string | null | undefined
  readonly text: string
  readonly parentId?: string | null | undefined
  readonly attachmentIds?: readonly string[] | null | undefined
  readonly respond?: boolean | null | undefined
}

export interface RegenerateMessageInput extends SendOptions {
  readonly messageId: string
}

export interface EditMessageInput extends SendOptions {
  readonly messageId: string
  readonly text: string
  /** Left out: those of the message that is edited. */
  readonly attachmentIds?: readonly string[] | null | undefined
}

/** The ids of what a send stored, now or when its idempotency key was first used. */
export type Sent = Pick<StoredMessage, 'threadId' | 'userMessageId' | 'runId'> & {
  /** A position in the stream before the message was stored: that of the first call, for who repeats it missed more. */
  readonly streamCursor: string
}

/** Stores a user's message and starts the run that answers it. */
export async function sendMessage(
  viewer: Viewer,
  services: RunServices,
  input: SendMessageInput,
  origin: Origin,
  signal: AbortSignal,
): Promise<Sent> {
  const { whenBusy, parentId, threadId = null } = input
  const text = messageText(services, input.text)
  if (parentId && whenBusy === 'ROLLBACK') throw badInput('parentId', 'must be left out with whenBusy ROLLBACK.')
  if (parentId && !threadId) throw badInput('parentId', 'must be left out where a new thread is created.')
  const thread = threadId ? await requireThread(viewer, services.database, threadId) : null
  const parent = parentId ? await parentIn(viewer, services, threadId, parentId) : ({ kind: 'newest' } as const)
  const files = await filesOf(viewer, services, { named: input.attachmentIds ?? null, messageId: null }, signal)
  const asked = input.respond !== false
  const sending: Sending = {
    origin,
    thread,
    asksModel: asked && services.llmEnabled,
    files,
    message: { threadId, text, parent, field: 'threadId', attachmentIds: idsOf(files) },
  }
  return send(viewer, services, 'sendMessage', input, sending, signal)
}

/** Starts a run that answers a message again: an answer's question, or a user's message itself. */
export async function regenerateMessage(
  viewer: Viewer,
  services: RunServices,
  input: RegenerateMessageInput,
  origin: Origin,
  signal: AbortSignal,
): Promise<Sent> {
  const message = await requireMessage(viewer, services.database, input.messageId)
  const thread = await requireThread(viewer, services.database, message.threadId, 'messageId')
  const id = message.role === 'ASSISTANT' ? message.parentId : message.id
  const parent = { kind: 'message', id } as const
  const sending: Sending = {
    origin,
    thread,
    asksModel: true,
    files: await filesOf(viewer, services, { named: null, messageId: id }, signal),
    message: { threadId: message.threadId, text: null, parent, field: 'messageId', attachmentIds: [] },
  }
  return send(viewer, services, 'regenerateMessage', input, sending, signal)
}

/** Stores a new user message beside an old one, and starts the run that answers it. */
export async function editMessage(
  viewer: Viewer,
  services: RunServices,
  input: EditMessageInput,
  origin: Origin,
  signal: AbortSignal,
): Promise<Sent> {
  const text = messageText(services, input.text)
  const message = await requireMessage(viewer, services.database, input.messageId)
  if (message.role !== 'USER') throw badInput('messageId', "must be a user's message; an answer is regenerated.")
  const thread = await requireThread(viewer, services.database, message.threadId, 'messageId')
  const files = await filesOf(viewer, services, { named: input.attachmentIds ?? null, messageId: message.id }, signal)
  const sending: Sending = {
    origin,
    thread,
    asksModel: services.llmEnabled,
    files,
    message: {
      threadId: message.threadId,
      text,
      parent: { kind: 'message', id: message.parentId },
      field: 'messageId',
      attachmentIds: idsOf(files),
    },
  }
  return send(viewer, services, 'editMessage', input, sending, signal)
}

interface Sending {
  readonly origin: Origin
  /** Null where a new one is created. */
  readonly thread: Pick<Thread, 'modelId' | 'title' | 'instructions'> | null
  readonly asksModel: boolean
  /** Those of the message that the model is to answer. */
  readonly files: readonly AttachmentInfo[]
  readonly message: Omit<NewMessage, 'run' | 'whenBusy'>
}

async function send(
  viewer: Viewer,
  services: RunServices,
  mutation: string,
  { idempotencyKey, ...input }: SendOptions,
  { origin, thread, asksModel, files, message }: Sending,
  signal: AbortSignal,
): Promise<Sent> {
  const { database, announcements, generation, quotas } = services
  const whenBusy = input.whenBusy ?? 'ENQUEUE'
  const position = services.stream.position()
  const given = { clientTools: input.clientTools, toolChoice: input.options?.toolChoice, token: origin.token }
  const { clientTools, offered } = await checkedTools(
    viewer,
    services,
    { ...given, threadId: message.threadId },
    signal,
  )
  const checked = checkedOptions(input.options, generation, offered)
  const isModelAsked = asksModel || (input.modelId && services.llmEnabled)
  const model = isModelAsked ? await services.providers.resolve(input.modelId ?? thread?.modelId ?? null) : null
  if (model && asksModel) requireReadable(model, files)
  const options = model ? optionsFor(model, checked, input.options) : checked
  const idempotency: Idempotency = { mutation, key: idempotencyKey ?? null, input }

  let announced: (() => void) | undefined
  const announce = (runId: string) => {
    announced = announcements.begin(runId)
  }
  const run =
    model && asksModel ? { modelId: model.modelId, options, clientTools, requestId: origin.requestId, announce } : null
  const estimate =
    run && model ? await estimateRun(viewer, services, { message, files, thread, model, options }, signal) : null
  try {
    let stored: StoredMessage | undefined
    const { payload, repeated } = await database.$transaction(async (transaction) =>
      once(viewer, transaction, idempotency, async () => {
        stored = await storeMessage(viewer, transaction, { ...message, run, whenBusy })
        const { threadId, userMessageId, runId } = stored
        if (runId && estimate) await quotas.tokens.reserveForRun(viewer, transaction, { runId, estimate })
        return { threadId, userMessageId, runId, streamCursor: services.stream.cursor(threadId, position) }
      }),
    )
    if (repeated) await requireKept(viewer, services, payload)
    if (stored?.runId) services.callerTokens.set(stored.runId, origin.token)
    if (stored) tellStream(services, stored, message.text !== null)
    announced?.()
    if (stored) startRuns(services, stored)
    return payload
  } finally {
    announced?.()
  }
}

/** An idempotency key outlives the thread that its first call wrote to, and what the viewer's lists then allowed. */
async function requireKept(
  viewer: Viewer,
  { database }: RunServices,
  { threadId }: { threadId: string },
): Promise<void> {
  if ((await getThread(viewer, database, threadId)) === null) throw notFound('thread', 'idempotencyKey')
}

function tellStream(services: RunServices, stored: StoredMessage, isNewMessage: boolean): void {
  const { stream } = services
  const { threadId, userMessageId, runId, answerId, room } = stored
  tellEnded(services, threadId, room.ended)
  if (userMessageId && isNewMessage)
    stream.append(threadId, runId, { type: 'message-changed', messageId: userMessageId })
  if (answerId) stream.append(threadId, runId, { type: 'message-changed', messageId: answerId })
  if (runId) stream.append(threadId, runId, { type: 'run-status-changed', status: 'QUEUED' })
}

function startRuns({ queue, worker }: RunServices, { runId, room }: StoredMessage): void {
  if (room.stopping) void worker.stop(room.stopping, 'cancelled')
  if (runId) queue.enqueue(runId)
}

function idsOf(files: readonly AttachmentInfo[]): readonly string[] {
  return files.map(({ id }) => id)
}

function messageText({ maxMessageCharacters }: RunServices, text: string): string {
  if (text.trim() === '') throw badInput('text', 'must not be empty.')
  return cleanText('text', text, maxMessageCharacters)
}

async function parentIn(
  viewer: Viewer,
  { database }: RunServices,
  threadId: string | null,
  parentId: string,
): Promise<Parent> {
  const parent = await requireMessage(viewer, database, parentId, 'parentId')
  if (parent.threadId !== threadId) throw notFound('message', 'parentId')
  return { kind: 'message', id: parent.id }
}
