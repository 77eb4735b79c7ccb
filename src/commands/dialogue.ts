import { createInterface } from 'node:readline'

/** Where a person reads and types. */
export interface Terminal {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean }
  readonly stderr: NodeJS.WriteStream
}

export interface Dialogue extends Disposable {
  /** The next line that the person types; null where the input ends or the signal is aborted. */
  ask(prompt: string): Promise<string | null>
}

export function openDialogue({ stdin, stderr }: Terminal, signal: AbortSignal): Dialogue {
  const terminal = createInterface({ input: stdin, output: stderr, signal })
  const lines = terminal[Symbol.asyncIterator]()
  // In raw mode Ctrl-C is a key like any other: here it is the signal again that it is everywhere else.
  terminal.once('SIGINT', () => process.emit('SIGINT', 'SIGINT'))
  return {
    async ask(prompt) {
      terminal.setPrompt(prompt)
      terminal.prompt()
      const { value, done } = await lines.next()
      if (!done) return value
      // The prompt's line is still open.
      stderr.write('\n')
      return null
    },
    [Symbol.dispose]: () => terminal.close(),
  }
}
