import type { Approval, Elicitation, StreamEvent } from './answer.ts'
import { askElicitation } from './ask-elicitation.ts'
import { askForDecision } from './ask-for-decision.ts'
import { answer, type Decision, decide } from './decisions.ts'
import type { Terminal } from './dialogue.ts'
import { isRefusal, type ServerClient } from './server-client.ts'
import { quoted, styledFor } from './text.ts'

/** Answers what a run asks of the person in front of the terminal. */
export interface Approver {
  /**
   * False where the event asks for a decision that nobody here can make: then the run waits for another client.
   * `settled` is aborted when nobody has to answer any more.
   */
  take(event: StreamEvent, settled: AbortSignal, signal: AbortSignal): Promise<boolean>
}

export interface ApproverOptions extends Terminal {
  readonly client: ServerClient
  /** Approve each call without asking. */
  readonly approvesAll: boolean
}

export function createApprover({ client, stdin, stderr, approvesAll }: ApproverOptions): Approver {
  const style = styledFor(stderr)

  async function takeApproval(approval: Approval, open: AbortSignal, signal: AbortSignal): Promise<boolean> {
    if (!approvesAll && !stdin.isTTY) return false
    const decision: Decision | null = approvesAll
      ? { decision: 'APPROVE' }
      : await askForDecision(approval, { stdin, stderr }, open)
    if (decision === null) return open.aborted
    await decide(client, approval.id, decision, signal)
    return true
  }

  async function takeElicitation(elicitation: Elicitation, open: AbortSignal, signal: AbortSignal): Promise<void> {
    if (stdin.isTTY) return askElicitation(elicitation, { client, stdin, stderr }, open, signal)
    stderr.write(`${style('yellow', 'A tool asks, and is told that you decline:')}\n${quoted(elicitation.message)}\n`)
    await answer(client, elicitation.id, { action: 'DECLINE' }, signal)
  }

  async function takeQuestion(
    { approval, elicitation }: StreamEvent,
    open: AbortSignal,
    signal: AbortSignal,
  ): Promise<boolean> {
    if (approval) return takeApproval(approval, open, signal)
    if (elicitation) await takeElicitation(elicitation, open, signal)
    return true
  }

  return {
    async take(event, settled, signal) {
      const isQuestion = ['ToolApprovalRequested', 'ElicitationRequested'].includes(event.__typename)
      const open = AbortSignal.any([settled, signal])
      if (!isQuestion || open.aborted) return true
      try {
        return await takeQuestion(event, open, signal)
      } catch (error) {
        // Settled by another client or in time: the stream tells what came of it.
        if (signal.aborted || isRefusal(error, 'CONFLICT')) return true
        throw error
      }
    },
  }
}
