import { findApproval, findToolCall } from '../chat/find-tool-calls.ts'
import { visibleInThread } from '../chat/visible-threads.ts'
import type { Message, Run, ToolApproval, ToolCall } from '../database/generated/client.ts'
import type { Recorded, RunEvent } from '../runs/run-event.ts'
import { type Context, requireViewer } from './context.ts'

/** An event as it is delivered: with the row that it shows, where it shows one. */
export interface Delivered<Event extends RunEvent = RunEvent> extends Recorded<Event> {
  readonly message?: Message
  readonly run?: Run
  readonly toolCall?: ToolCall
  readonly approval?: ToolApproval
}

/**
 * Loads the row that an event shows, before the event's type is settled: where the row is gone, the thread was cleared
 * or purged meanwhile, and the subscriber is told that instead, at the same cursor.
 */
export async function withRow(recorded: Recorded, context: Context): Promise<Delivered> {
  const { event } = recorded
  switch (event.type) {
    case 'message-changed':
    case 'message-finished':
    case 'message-snapshot': {
      const message = await findMessage(event.messageId, context)
      return message ? { ...recorded, message } : reset(recorded)
    }
    case 'run-status-changed': {
      const run = await findRun(recorded.runId ?? '', context)
      return run ? { ...recorded, run } : reset(recorded)
    }
    case 'tool-call-changed': {
      const toolCall = await findToolCall(requireViewer(context), context.services.database, event.toolCallId)
      return toolCall ? { ...recorded, toolCall } : reset(recorded)
    }
    case 'approval-requested':
    case 'approval-decided': {
      const approval = await findApproval(requireViewer(context), context.services.database, event.approvalId)
      return approval ? { ...recorded, approval } : reset(recorded)
    }
    default:
      return recorded
  }
}

export function shownMessage({ message }: Delivered): Message {
  if (!message) throw new Error('the event was not given its message')
  return message
}

export function shownRun({ run }: Delivered): Run {
  if (!run) throw new Error('the event was not given its run')
  return run
}

export function shownToolCall({ toolCall }: Delivered): ToolCall {
  if (!toolCall) throw new Error('the event was not given its tool call')
  return toolCall
}

export function shownApproval({ approval }: Delivered): ToolApproval {
  if (!approval) throw new Error('the event was not given its approval')
  return approval
}

function findMessage(id: string, context: Context): Promise<Message | null> {
  return context.services.database.message.findFirst({ where: { id, ...visibleInThread(requireViewer(context)) } })
}

function findRun(id: string, context: Context): Promise<Run | null> {
  return context.services.database.run.findFirst({ where: { id, ...visibleInThread(requireViewer(context)) } })
}

function reset(recorded: Recorded): Recorded {
  return { ...recorded, runId: null, event: { type: 'stream-reset' } }
}
