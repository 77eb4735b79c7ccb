import type { JsonObject } from '../../src/platform/json.ts'
import type { BuiltinTool } from '../../src/tools/builtin/builtin-tool.ts'
import type { ToolInvocation, ToolResult } from '../../src/tools/tool.ts'

/** A call that has reached its tool. */
export interface HeldCall {
  readonly invocation: ToolInvocation
  readonly arguments: JsonObject
  /** Resolves when the call is let go of. */
  readonly aborted: Promise<void>
  answer(output: string): void
  fail(error: Error): void
}

/** A tool whose calls wait for the test: it answers them, in whatever order. */
export class HeldTool {
  readonly tool: BuiltinTool
  /** All that have arrived so far. */
  readonly calls: HeldCall[] = []
  /** The most that were open at a time. */
  most = 0
  #open = 0
  readonly #arrived: HeldCall[] = []
  readonly #waiting: ((call: HeldCall) => void)[] = []

  constructor(name: string, { isReadOnly = true, ...told }: Partial<Omit<BuiltinTool, 'name' | 'run'>> = {}) {
    this.tool = {
      name,
      title: name,
      description: 'Waits for the test.',
      inputSchema: { type: 'object', properties: { n: { type: 'integer' } } },
      isReadOnly,
      ...told,
      run: (invocation, signal) => this.#run(invocation, signal),
    }
  }

  /** The calls in order of arrival, each once. */
  next(): Promise<HeldCall> {
    const arrived = this.#arrived.shift()
    if (arrived) return Promise.resolve(arrived)
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  async #run(invocation: ToolInvocation, signal: AbortSignal): Promise<ToolResult> {
    const { promise, resolve, reject } = Promise.withResolvers<ToolResult>()
    const aborted = new Promise<void>((done) => signal.addEventListener('abort', () => done(), { once: true }))
    const call: HeldCall = {
      invocation,
      arguments: invocation.arguments,
      aborted,
      answer: (output) => resolve({ output, result: null, isError: false }),
      fail: reject,
    }
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    this.calls.push(call)
    this.#open += 1
    this.most = Math.max(this.most, this.#open)
    const waiting = this.#waiting.shift()
    if (waiting) waiting(call)
    else this.#arrived.push(call)
    try {
      return await promise
    } finally {
      this.#open -= 1
    }
  }
}
