import type { Viewer } from '../auth/viewer.ts'
import { visibleInThread } from '../chat/visible-threads.ts'
import { Prisma, type Run, type ToolCall } from '../database/generated/client.ts'
import { conflict, notFound } from '../platform/errors.ts'
import { kindOfId } from '../platform/ids.ts'
import { cleanJsonValue, type JsonValue } from '../platform/json.ts'
import { moveRun, tellMoved } from './moved-runs.ts'
import type { Origin } from './origin.ts'
import { lockOpenRuns, lockThread } from './run-rows.ts'
import type { RunServices } from './runs.ts'

export interface SubmitToolResultInput {
  readonly toolCallId: string
  /** Not checked yet. */
  readonly result?: unknown
  readonly isError?: boolean | null | undefined
}

/** A call that has its result, and its run as it is then. */
export interface Submitted {
  readonly toolCall: ToolCall
  readonly run: Run
}

/**
 * Stores what a tool gave that the client runs itself, and lets its run go on. CONFLICT where the call does not wait for a
 * result, or no more.
 */
export async function submitToolResult(
  viewer: Viewer,
  services: RunServices,
  { toolCallId, result: given, isError }: SubmitToolResultInput,
  { requestId, token }: Origin,
): Promise<Submitted> {
  const { database, tools, announcements, callerTokens, log } = services
  const result = cleanJsonValue('result', given ?? null, tools.config.maxResultBytes)
  const where = { id: toolCallId, ...visibleInThread(viewer) }
  const include = { message: { select: { run: { select: { id: true } } } } }
  const call = kindOfId(toolCallId) === 'toolcall' ? await database.toolCall.findFirst({ where, include }) : null
  const runId = call?.message.run?.id
  if (!call || runId === undefined) throw notFound('tool call', 'toolCallId')
  const { threadId, messageId } = call
  const told = announcements.begin(runId)
  try {
    const { moved, toolCall } = await database.$transaction(async (transaction) => {
      if (!(await lockThread(viewer, transaction, threadId))) throw notFound('tool call', 'toolCallId')
      const run = (await lockOpenRuns(transaction, threadId)).find(({ id }) => id === runId)
      const [toolCall] = run
        ? await transaction.toolCall.updateManyAndReturn({
            where: { id: toolCallId, status: 'AWAITING_RESULT' },
            data: {
              status: isError ? 'FAILED' : 'SUCCEEDED',
              isError: isError ?? false,
              ...stored(result),
              finishedAt: new Date(),
            },
          })
        : []
      if (!run || !toolCall) throw conflict(await whyNot(transaction, toolCallId), 'toolCallId')
      return { moved: await moveRun(transaction, run), toolCall }
    })
    callerTokens.set(runId, token)
    tellMoved(services, moved, [{ toolCallId, messageId }])
    const { status } = toolCall
    log.info({ toolCallId, runId, threadId, userId: viewer.id, requestId, status }, 'tool result submitted')
    return { toolCall, run: moved.run }
  } finally {
    told()
  }
}

/** A text is told to the model as it is, anything else as JSON. */
function stored(result: JsonValue) {
  if (typeof result === 'string') return { output: result, result: Prisma.DbNull }
  return { output: JSON.stringify(result), result: result === null ? Prisma.DbNull : (result as Prisma.InputJsonValue) }
}

async function whyNot(transaction: Prisma.TransactionClient, id: string): Promise<string> {
  const call = await transaction.toolCall.findUnique({ where: { id }, select: { status: true } })
  switch (call?.status) {
    case 'SUCCEEDED':
    case 'FAILED':
      return 'The call has its result already.'
    case undefined:
    case 'CANCELLED':
    case 'UNKNOWN':
      return 'The run has ended, and with it the call.'
    default:
      return 'The call does not wait for a result of yours.'
  }
}
