import { type ParleyProcess, spawnParley } from './process.ts'

/** Somebody at the terminal of `parley chat`, who reads on from where they have got to. */
export class Person implements AsyncDisposable {
  readonly #chat: ParleyProcess
  #read = 0

  constructor(serverUrl: string) {
    const url = new URL(serverUrl).origin
    this.#chat = spawnParley({ args: ['chat', 'Do it', '--url', url], env: { NO_COLOR: '1' }, atTerminal: true })
  }

  /** Reads up to the end of this text. */
  async see(text: string): Promise<void> {
    const [{ length }] = await this.#chat.waitFor(new RegExp(`^[^]{${this.#read},}?${RegExp.escape(text)}`))
    this.#read = length
  }

  type(keys: string): void {
    this.#chat.child.stdin?.write(keys)
  }

  /** What stands on the terminal when chat has ended, and its exit code. */
  async end(): Promise<{ readonly code: number | null; readonly output: string }> {
    const { code } = await this.#chat.exited
    return { code, output: this.#chat.output() }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#chat[Symbol.asyncDispose]()
  }
}
