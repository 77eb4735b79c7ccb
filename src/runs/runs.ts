import type { Attachments } from '../attachments/attachments.ts'
import type { Quotas } from '../auth/quotas.ts'
import type { Viewer } from '../auth/viewer.ts'
import type { Message, PrismaClient, Run, Thread } from '../database/generated/client.ts'
import { newUlid } from '../platform/ids.ts'
import type { JsonSchemas } from '../platform/json-schema.ts'
import type { Log } from '../platform/log.ts'
import { repeat } from '../platform/repeat.ts'
import type { Providers } from '../providers/registry.ts'
import type { PassagesLike } from '../search/passages-like.ts'
import type { Toolbox } from '../tools/toolbox.ts'
import { Announcements } from './announcements.ts'
import { keepExpiring } from './approval-expiry.ts'
import type { CallerTokens } from './caller-tokens.ts'
import { Checkpoints } from './checkpoints.ts'
import { type UpdateMessageInput, updateMessage } from './correct.ts'
import { type Decided, type DecideToolApprovalInput, decideToolApproval } from './decide.ts'
import { deleteFile } from './delete-file.ts'
import type { Elicitations } from './elicitations.ts'
import type { EventStream } from './event-stream.ts'
import { createExcerpts, type Excerpts } from './excerpts.ts'
import { type FollowInput, followThread } from './follow.ts'
import { keepLeases } from './leases.ts'
import type { Origin } from './origin.ts'
import type { ContextConfig } from './prompt.ts'
import { removeRequestReservations } from './quotas-rows.ts'
import { expireAllLeases, keepRecovering, recoverRuns } from './recovery.ts'
import type { Recorded } from './run-event.ts'
import type { GenerationDefaults } from './run-options.ts'
import type { RunQueue } from './run-queue.ts'
import {
  type EditMessageInput,
  editMessage,
  type RegenerateMessageInput,
  regenerateMessage,
  type SendMessageInput,
  type Sent,
  sendMessage,
} from './send.ts'
import { cancelRun, clearThread, deleteThread, purgeThread } from './stop.ts'
import { type SubmitToolResultInput, type Submitted, submitToolResult } from './submit-tool-result.ts'
import { deleteUserData, finishDeletions } from './user-data.ts'
import { Worker } from './worker.ts'

export interface RunsConfig {
  readonly leaseMs: number
  readonly maxSteps: number
  readonly flushMs: number
  readonly context: ContextConfig
  readonly generation: GenerationDefaults
  readonly maxMessageCharacters: number
  readonly llmEnabled: boolean
}

export interface RunsDependencies {
  readonly database: PrismaClient
  /** Whether no other process can have runs in this database. */
  readonly isSoleOwner: boolean
  readonly stream: EventStream
  readonly queue: RunQueue
  readonly providers: Providers
  readonly attachments: Attachments
  /** What tells which passages of a file are like a question; null where search is switched off. */
  readonly passagesLike: PassagesLike | null
  readonly tools: Toolbox
  readonly schemas: JsonSchemas
  readonly callerTokens: CallerTokens
  readonly elicitations: Elicitations
  readonly quotas: Quotas
  readonly log: Log
  readonly config: RunsConfig
}

/** How often it is looked for users whose removal was cut short. */
const finishDeletionsMs = 60_000

/** What the functions of this folder share. */
export interface RunServices extends RunsConfig {
  readonly database: PrismaClient
  readonly stream: EventStream
  readonly queue: RunQueue
  readonly providers: Providers
  readonly attachments: Attachments
  readonly excerpts: Excerpts
  readonly tools: Toolbox
  readonly schemas: JsonSchemas
  readonly callerTokens: CallerTokens
  readonly quotas: Quotas
  readonly announcements: Announcements
  readonly worker: Worker
  readonly log: Log
}

/** How answers come about. Everything that starts, stops or follows a run goes through here. */
export interface Runs extends AsyncDisposable {
  sendMessage(viewer: Viewer, input: SendMessageInput, origin: Origin, signal: AbortSignal): Promise<Sent>
  regenerateMessage(viewer: Viewer, input: RegenerateMessageInput, origin: Origin, signal: AbortSignal): Promise<Sent>
  editMessage(viewer: Viewer, input: EditMessageInput, origin: Origin, signal: AbortSignal): Promise<Sent>
  updateMessage(viewer: Viewer, input: UpdateMessageInput): Promise<Message>
  decideToolApproval(
    viewer: Viewer,
    input: DecideToolApprovalInput,
    origin: Origin,
    signal: AbortSignal,
  ): Promise<Decided>
  submitToolResult(viewer: Viewer, input: SubmitToolResultInput, origin: Origin): Promise<Submitted>
  cancelRun(viewer: Viewer, runId: string, signal: AbortSignal): Promise<Run>
  deleteThread(viewer: Viewer, threadId: string, signal: AbortSignal): Promise<Thread>
  clearThread(viewer: Viewer, threadId: string, signal: AbortSignal): Promise<Thread>
  purgeThread(viewer: Viewer, threadId: string, signal: AbortSignal): Promise<void>
  /** See `deleteFile`. */
  deleteFile(viewer: Viewer, attachmentId: string): Promise<void>
  follow(viewer: Viewer, input: FollowInput): Promise<AsyncIterableIterator<Recorded>>
  /** Removes a user, and all that is theirs: see `deleteUserData`. */
  deleteUser(userId: string, signal: AbortSignal): Promise<void>
  /** Starts no more runs; waits for those that go here, and after `forMs` stops them. Returns when all are stored. */
  drain(forMs: number): Promise<void>
}

/** Starts carrying runs, those that were left behind first. Disposing of it stops what still goes. */
export async function createRuns({ config, ...dependencies }: RunsDependencies): Promise<Runs> {
  const { database, stream, queue, providers, attachments, tools, schemas, callerTokens, quotas, log } = dependencies
  const { leaseMs } = config
  const owner = newUlid()
  const announcements = new Announcements()
  const checkpoints = new Checkpoints(database, log)
  const excerpts = createExcerpts({ database, like: dependencies.passagesLike })
  const worker = new Worker({ ...dependencies, ...config, excerpts, checkpoints, announcements, owner })
  const services: RunServices = {
    database,
    stream,
    queue,
    providers,
    attachments,
    excerpts,
    tools,
    schemas,
    callerTokens,
    quotas,
    announcements,
    worker,
    log,
    ...config,
  }

  if (dependencies.isSoleOwner) {
    await expireAllLeases(database)
    await removeRequestReservations(database)
  }
  queue.start((runId) => worker.carry(runId))
  const recovery = { database, queue, leaseMs, log }
  await recoverRuns(recovery)
  const recovering = keepRecovering(recovery)
  const leftOver = finishDeletions(services).catch((err: unknown) => log.error({ err }, 'removing users failed'))
  const deleting = repeat({ everyMs: finishDeletionsMs, log, task: 'removing users' }, () => finishDeletions(services))
  const expiring = keepExpiring(services, tools.config.approvalTtlMs)
  const leases = keepLeases({ database, worker, owner, leaseMs, log })

  async function drain(forMs: number): Promise<void> {
    queue.stop()
    await recovering[Symbol.asyncDispose]()
    const { promise: patience, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, forMs)
    await Promise.race([patience, Promise.all([...worker.going.values()].map(({ ended }) => ended))])
    clearTimeout(timer)
    await Promise.all([...worker.going.keys()].map((runId) => worker.stop(runId, 'shutdown')))
  }

  return {
    sendMessage: (viewer, input, origin, signal) => sendMessage(viewer, services, input, origin, signal),
    regenerateMessage: (viewer, input, origin, signal) => regenerateMessage(viewer, services, input, origin, signal),
    editMessage: (viewer, input, origin, signal) => editMessage(viewer, services, input, origin, signal),
    updateMessage: (viewer, input) => updateMessage(viewer, services, input),
    decideToolApproval: (viewer, input, origin, signal) => decideToolApproval(viewer, services, input, origin, signal),
    submitToolResult: (viewer, input, origin) => submitToolResult(viewer, services, input, origin),
    cancelRun: (viewer, runId, signal) => cancelRun(viewer, services, runId, signal),
    deleteThread: (viewer, threadId, signal) => deleteThread(viewer, services, threadId, signal),
    clearThread: (viewer, threadId, signal) => clearThread(viewer, services, threadId, signal),
    purgeThread: (viewer, threadId, signal) => purgeThread(viewer, services, threadId, signal),
    deleteUser: (userId, signal) => deleteUserData(services, userId, signal),
    deleteFile: (viewer, attachmentId) => deleteFile(viewer, services, attachmentId),
    follow: (viewer, input) => followThread(viewer, services, input),
    drain,
    async [Symbol.asyncDispose]() {
      await deleting[Symbol.asyncDispose]()
      await leftOver
      await expiring[Symbol.asyncDispose]()
      await drain(0)
      await leases[Symbol.asyncDispose]()
      await checkpoints[Symbol.asyncDispose]()
      await queue[Symbol.asyncDispose]()
    },
  }
}
