import type { Elicitation } from './answer.ts'
import { answer, type ElicitationAnswer } from './decisions.ts'
import { type Dialogue, openDialogue, type Terminal } from './dialogue.ts'
import { fillIn } from './form.ts'
import { isRefusal, type ServerClient } from './server-client.ts'
import { printable, quoted, styledFor } from './text.ts'

const choices = '[a]nswer, [d]ecline: '

/** Asks a tool's question until the server takes the answer, or `open` is aborted: nobody has to answer then. */
export async function askElicitation(
  { id, message, requestedSchema }: Elicitation,
  { client, ...terminal }: Terminal & { readonly client: ServerClient },
  open: AbortSignal,
  signal: AbortSignal,
): Promise<void> {
  const { stderr } = terminal
  const style = styledFor(stderr)
  stderr.write(`${style('yellow', 'A tool asks:')}\n${quoted(message)}\n`)
  using dialogue = openDialogue(terminal, open)
  for (;;) {
    const given = await askForAnswer(requestedSchema, dialogue)
    if (open.aborted) return
    try {
      return await answer(client, id, given, signal)
    } catch (error) {
      if (!isRefusal(error, 'BAD_USER_INPUT')) throw error
      stderr.write(`${style('red', printable(error.message))}\n`)
    }
  }
}

/** Where the input ends, it is declined. */
async function askForAnswer(form: Elicitation['requestedSchema'], { ask }: Dialogue): Promise<ElicitationAnswer> {
  for (;;) {
    const choice = (await ask(choices))?.trim().toLowerCase() ?? 'd'
    if (choice === 'd') return { action: 'DECLINE' }
    if (choice !== 'a') continue
    const content = await fillIn(form, ask)
    return content === null ? { action: 'DECLINE' } : { action: 'ACCEPT', content }
  }
}
