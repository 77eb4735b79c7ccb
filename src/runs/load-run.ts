import { parseParts } from '../chat/message-parts.ts'
import type { PrismaClient } from '../database/generated/client.ts'
import type { JsonObject } from '../platform/json.ts'
import type { StoredRun } from './advance.ts'
import { Draft } from './draft.ts'
import { runOptions, storedClientTools } from './run-options.ts'

/** A stored run with what it has written so far. */
export interface LoadedRun extends StoredRun {
  readonly requestId: string | null
  readonly cancelRequested: boolean
  /** How often the run was taken since it last got further, this time included. */
  readonly attempts: number
  readonly draft: Draft
}

/** Throws where the run, or its message, is gone. */
export async function loadRun(database: PrismaClient, runId: string): Promise<LoadedRun> {
  const run = await database.run.findUniqueOrThrow({
    where: { id: runId },
    include: {
      message: { include: { toolCalls: { select: requested, orderBy: [{ step: 'asc' }, { index: 'asc' }] } } },
      owner: true,
      thread: { select: { title: true, instructions: true } },
    },
  })
  const { message, owner, turns, inputTokens, outputTokens, reasoningTokens, cachedInputTokens, usageEstimated } = run
  if (!message) throw new Error(`run ${runId} has no message to write`)
  const draft = new Draft({
    ...message,
    parts: parseParts(message.parts),
    modelId: run.modelId,
    // It was an object when it was stored, and only its provider looks into it.
    toolCalls: message.toolCalls.map((call) => ({ ...call, providerData: call.providerData as JsonObject | null })),
    turns,
    usage: { inputTokens, outputTokens, reasoningTokens, cachedInputTokens, estimated: usageEstimated },
  })
  return {
    runId: run.id,
    threadId: run.threadId,
    messageId: message.id,
    requestId: run.requestId,
    cancelRequested: run.cancelRequestedAt !== null,
    attempts: run.attempts,
    viewer: owner,
    modelId: run.modelId,
    requestedModelId: run.requestedModelId,
    options: runOptions.parse(run.options),
    clientTools: storedClientTools.parse(run.clientTools),
    threadTitle: run.thread.title,
    threadInstructions: run.thread.instructions,
    draft,
  }
}

const requested = {
  id: true,
  step: true,
  index: true,
  callId: true,
  name: true,
  arguments: true,
  textOffset: true,
  reasoningOffset: true,
  providerData: true,
} as const
