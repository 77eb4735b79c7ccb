import { parseParts } from '../chat/message-parts.ts'
import type { PrismaClient } from '../database/generated/client.ts'
import type { StoredRun } from './advance.ts'
import { Draft } from './draft.ts'
import { runOptions } from './run-options.ts'

/** A stored run with what it has written so far. */
export interface LoadedRun extends StoredRun {
  readonly id: string
  readonly requestId: string | null
  readonly cancelRequested: boolean
  readonly draft: Draft
}

/** Throws where the run, or its message, is gone. */
export async function loadRun(database: PrismaClient, runId: string): Promise<LoadedRun> {
  const run = await database.run.findUniqueOrThrow({
    where: { id: runId },
    include: { message: true, owner: true, thread: { select: { title: true, instructions: true } } },
  })
  const { message, owner } = run
  if (!message) throw new Error(`run ${runId} has no message to write`)
  const draft = new Draft({ ...message, parts: parseParts(message.parts), modelId: run.modelId })
  return {
    id: run.id,
    threadId: run.threadId,
    messageId: message.id,
    requestId: run.requestId,
    cancelRequested: run.cancelRequestedAt !== null,
    viewer: owner,
    modelId: run.modelId,
    requestedModelId: run.requestedModelId,
    options: runOptions.parse(run.options),
    threadTitle: run.thread.title,
    threadInstructions: run.thread.instructions,
    step: draft.step,
    draft,
  }
}
