import type { StreamEvent, ToolCall } from './answer.ts'
import { printable, shortened, styledFor } from './text.ts'

/** Shows an answer as it comes. */
export interface Printer {
  print(event: StreamEvent): void
  /** Ends the line that was being written. */
  end(): void
  /** Says what went wrong, on a line of its own. */
  fail(message: string): void
}

export interface PrinterOptions {
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
  /** Each event as a line of JSON in place of the text. */
  readonly json: boolean
}

export function createPrinter({ stdout, stderr, json }: PrinterOptions): Printer {
  const fail = (message: string) => void stderr.write(`${styledFor(stderr)('red', printable(message))}\n`)
  /** Who pipes the answer on wants it as it is. */
  const shown = (text: string) => (stdout.isTTY ? printable(text) : text)
  if (json) return { print: (event) => void stdout.write(`${shown(JSON.stringify(event))}\n`), end() {}, fail }

  const style = styledFor(stdout)
  /** Lengths of what was written: a snapshot or an overlapping delta adds only what is new. */
  const written = { text: 0, reasoning: 0 }
  let lineIsOpen = false

  function write(text: string, styled = text): void {
    if (text === '') return
    stdout.write(styled)
    lineIsOpen = !text.endsWith('\n')
  }

  function writeText(offset: number, text: string): void {
    const unseen = text.slice(Math.max(0, written.text - offset))
    if (unseen === '') return
    if (written.text === 0 && written.reasoning > 0 && stdout.isTTY) write('\n\n')
    written.text = Math.max(written.text, offset + text.length)
    write(shown(unseen))
  }

  /** Only for eyes: who pipes the answer on wants the answer. */
  function writeReasoning(offset: number, text: string): void {
    if (!stdout.isTTY) return
    const unseen = text.slice(Math.max(0, written.reasoning - offset))
    written.reasoning = Math.max(written.reasoning, offset + text.length)
    write(shown(unseen), style('dim', shown(unseen)))
  }

  /** On the other stream: who pipes the answer on wants the answer. */
  function writeToolCall({ status, output, arguments: args, ...call }: ToolCall): void {
    const style = styledFor(stderr)
    const name = shortened(call.name)
    const said = shortened(output ?? '')
    if (status === 'REQUESTED') stderr.write(`${style('dim', `→ ${name} ${shortened(JSON.stringify(args))}`)}\n`)
    else if (status === 'SUCCEEDED') stderr.write(`${style('dim', `← ${name}: ${said}`)}\n`)
    else if (isOver(status)) stderr.write(`${style('red', `← ${name}: ${status}: ${said}`)}\n`)
  }

  return {
    print(event) {
      const { offset = 0, text = '', message } = event
      switch (event.__typename) {
        case 'TextDelta':
          return writeText(offset, text)
        case 'ReasoningDelta':
          return writeReasoning(offset, text)
        case 'MessageSnapshot':
        case 'MessageFinished':
          if (message?.role !== 'ASSISTANT') return
          writeReasoning(0, message.reasoning ?? '')
          return writeText(0, message.text)
        case 'ToolCallChanged':
          return event.toolCall && writeToolCall(event.toolCall)
        case 'ModelSwitched':
          return void stderr.write(
            `${styledFor(stderr)('yellow', shortened(`${event.toModelId} answers: ${event.reason}`))}\n`,
          )
        default:
          // The stream may learn to say more.
          return
      }
    },
    end() {
      if (lineIsOpen) write('\n')
    },
    fail,
  }
}

function isOver(status: string): boolean {
  return ['FAILED', 'DENIED', 'CANCELLED', 'UNKNOWN'].includes(status)
}
