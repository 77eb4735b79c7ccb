import { createInterface } from 'node:readline'
import { type Decision, decide, decline, type StreamEvent } from './answer.ts'
import type { ServerClient } from './server-client.ts'
import { styledFor } from './text.ts'

/** Answers what a run asks of the person in front of the terminal. */
export interface Approver {
  /** False where the event asks for a decision that nobody here can make: then the run waits for another client. */
  take(event: StreamEvent, signal: AbortSignal): Promise<boolean>
}

export interface ApproverOptions {
  readonly client: ServerClient
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean }
  readonly stderr: NodeJS.WriteStream
  /** Approve each call without asking. */
  readonly approvesAll: boolean
}

const choices = '[y]es, [n]o, yes in this [t]hread, [a]lways; or why not: '

export function createApprover({ client, stdin, stderr, approvesAll }: ApproverOptions): Approver {
  const style = styledFor(stderr)

  /** Null where the input ends before the person has said anything. */
  async function askPerson(name: string, args: unknown, signal: AbortSignal): Promise<Decision | null> {
    stderr.write(`${style('yellow', `May ${name} run?`)} ${JSON.stringify(args, null, 2)}\n`)
    const terminal = createInterface({ input: stdin, output: stderr, prompt: choices, signal })
    terminal.prompt()
    for await (const line of terminal) {
      const decision = decisionOf(line)
      if (decision) return decision
      terminal.prompt()
    }
    signal.throwIfAborted()
    return null
  }

  return {
    async take({ approval, elicitation, __typename }, signal) {
      if (elicitation) {
        stderr.write(`${style('yellow', `A tool asks, and is told that you decline: ${elicitation.message}`)}\n`)
        await decline(client, elicitation.id, signal)
        return true
      }
      if (__typename !== 'ToolApprovalRequested' || !approval) return true
      if (!approvesAll && !stdin.isTTY) return false
      const { name, arguments: args } = approval.toolCall
      const decision: Decision | null = approvesAll ? { decision: 'APPROVE' } : await askPerson(name, args, signal)
      if (decision === null) return false
      await decide(client, approval.id, decision, signal)
      return true
    },
  }
}

/** What a line means; null for an empty one. Anything but the words of yes is a reason to deny. */
export function decisionOf(line: string): Decision | null {
  const answer = line.trim()
  switch (answer.toLowerCase()) {
    case '':
      return null
    case 'y':
    case 'yes':
      return { decision: 'APPROVE', scope: 'ONCE' }
    case 't':
    case 'thread':
      return { decision: 'APPROVE', scope: 'THREAD' }
    case 'a':
    case 'always':
      return { decision: 'APPROVE', scope: 'ALWAYS' }
    case 'n':
    case 'no':
      return { decision: 'DENY' }
    default:
      return { decision: 'DENY', reason: answer }
  }
}
