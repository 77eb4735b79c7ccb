import type { Approval } from './answer.ts'
import type { Decision } from './decisions.ts'
import { openDialogue, type Terminal } from './dialogue.ts'
import { printable, styledFor } from './text.ts'

const choices = '[y]es, [n]o, yes in this [t]hread, [a]lways; or why not: '

/** Shows a call and asks whether it may run. Null where the input ends or the signal is aborted. */
export async function askForDecision(
  { toolCall }: Approval,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<Decision | null> {
  const { stderr } = terminal
  const question = styledFor(stderr)('yellow', `May ${printable(toolCall.name)} run?`)
  stderr.write(`${question} ${printable(JSON.stringify(toolCall.arguments, null, 2))}\n`)
  using dialogue = openDialogue(terminal, signal)
  for (;;) {
    const line = await dialogue.ask(choices)
    if (line === null) return null
    const decision = decisionOf(line)
    if (decision) return decision
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
