import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Log } from '../platform/log.ts'
import { McpError } from './mcp.ts'

/**
 * Ends process groups that outlive this process, whatever ended it. A process of its own does it, which is started with
 * the first group, in a session of its own; one that dies is replaced.
 */
export interface Reaper extends AsyncDisposable {
  /** Resolves once the group, a positive number, will not outlive this process. Throws an `McpError`. */
  watch(group: number): Promise<void>
  /** For a group that is gone, whose number somebody else may get. */
  forget(group: number): void
}

const script = fileURLToPath(new URL('./reaper.sh', import.meta.url))
const answerTimeoutMs = 10_000
/** How long what is left when the reaper is disposed of has to end: two seconds, and some to do it in. */
const endTimeoutMs = 4_000
const restartDelayMs = 1_000
/** One that lived shorter is replaced after a pause only. */
const shortLifeMs = 1_000

export function createReaper({ log }: { readonly log: Log }): Reaper {
  return process.platform === 'win32' ? nobody : new ProcessReaper(log)
}

/** Windows has no process groups, and ends nothing by itself. */
const nobody: Reaper = {
  watch: async () => {},
  forget() {},
  async [Symbol.asyncDispose]() {},
}

class ProcessReaper implements Reaper {
  readonly #log: Log
  readonly #groups = new Set<number>()
  readonly #answers = new Map<number, () => void>()
  #current: ChildProcess | null = null
  #restart: NodeJS.Timeout | undefined
  #isDisposed = false

  constructor(log: Log) {
    this.#log = log
  }

  async watch(group: number): Promise<void> {
    if (this.#isDisposed) throw new McpError('no server can be started any more')
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const refuse = () => reject(new McpError('the process that ends servers does not answer'))
    const timer = setTimeout(refuse, answerTimeoutMs)
    this.#groups.add(group)
    this.#answers.set(group, resolve)
    try {
      if (this.#current === null) this.#start()
      else this.#tell(`+ ${group}\n`)
      await promise
    } catch (error) {
      this.forget(group)
      throw error
    } finally {
      clearTimeout(timer)
      this.#answers.delete(group)
    }
  }

  forget(group: number): void {
    if (this.#groups.delete(group)) this.#tell(`- ${group}\n`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true
    clearTimeout(this.#restart)
    const child = this.#current
    if (child === null) return
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    // What is waited for must keep this process alive.
    child.ref()
    child.stdin?.end()
    await Promise.race([ended, sleep(endTimeoutMs, undefined, { ref: false })])
  }

  #tell(line: string): void {
    this.#current?.stdin?.write(line)
  }

  #start(): void {
    clearTimeout(this.#restart)
    const child = spawn('/bin/sh', [script], {
      // Neither a signal to this process's group nor a directory or an environment ties it to this process.
      cwd: '/',
      detached: true,
      env: { PATH: '/usr/bin:/bin' },
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    this.#current = child
    const startedAt = performance.now()
    child.once('error', (error) => this.#ended(child, startedAt, error.message))
    child.once('exit', (code, signal) => this.#ended(child, startedAt, signal ?? `code ${code}`))
    // Where it could not be started, for want of file descriptors say, it has no streams, and an error follows.
    if (!child.stdin || !child.stdout) return
    child.unref()
    for (const stream of [child.stdin, child.stdout]) {
      if ('unref' in stream && typeof stream.unref === 'function') stream.unref()
    }
    child.stdin.on('error', () => {})
    createInterface({ input: child.stdout }).on('line', (line) => this.#answers.get(Number(line))?.())
    for (const group of this.#groups) this.#tell(`+ ${group}\n`)
  }

  #ended(child: ChildProcess, startedAt: number, reason: string): void {
    if (this.#current !== child) return
    this.#current = null
    if (this.#isDisposed || this.#groups.size === 0) return
    this.#log.warn(
      { reason },
      'the process that ends MCP servers after a crash has ended itself; another one is started',
    )
    const delay = performance.now() - startedAt < shortLifeMs ? restartDelayMs : 0
    this.#restart = setTimeout(() => this.#start(), delay).unref()
  }
}
