import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { messageOf } from '../src/platform/errors.ts'

/** What a process of the benchmark can be asked for: functions whose argument and result go through JSON. */
// biome-ignore lint/suspicious/noExplicitAny: the arguments of functions of any kind
export type Commands = { readonly [name: string]: (argument: any) => unknown }

/** Another process, seen from the one that started it. Disposing of it ends it. */
export interface Remote<C extends Commands> extends AsyncDisposable {
  /** Moves all its threads: see `RemoteOptions.cores`. */
  moveTo(cores: string): void
  call<Name extends keyof C & string>(name: Name, argument: Parameters<C[Name]>[0]): Promise<Result<C[Name]>>
}

type Result<Command> = Command extends (argument: never) => infer Returned ? Awaited<Returned> : never

interface Call {
  readonly id: number
  readonly name: string
  readonly argument: unknown
}

interface Reply {
  /** 0: the process is ready. */
  readonly id: number
  readonly result?: unknown
  readonly error?: string
}

export interface RemoteOptions {
  /** For `taskset`, such as `0` or `1,2`; null: any core. */
  readonly cores: string | null
  readonly nodeFlags?: readonly string[]
  readonly args?: readonly string[]
}

const startTimeoutMs = 60_000
const exitTimeoutMs = 15_000

/** Starts a script of this folder as a process, and returns when it is ready. Its standard output is dropped. */
export async function startRemote<C extends Commands>(
  script: string,
  { cores, nodeFlags = [], args = [] }: RemoteOptions,
): Promise<Remote<C>> {
  const line = [process.execPath, ...nodeFlags, fileURLToPath(new URL(script, import.meta.url)), ...args]
  const [command = '', ...rest] = cores === null ? line : ['taskset', '-c', cores, ...line]
  const child = spawn(command, rest, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  const waiting = new Map<number, PromiseWithResolvers<unknown>>()
  const expect = (id: number) => {
    const reply = Promise.withResolvers<unknown>()
    waiting.set(id, reply)
    return reply.promise
  }
  child.on('message', ({ id, result, error }: Reply) => {
    const reply = waiting.get(id)
    waiting.delete(id)
    if (error === undefined) reply?.resolve(result)
    else reply?.reject(new Error(`${script}: ${error}`))
  })
  child.once('exit', (code, signal) => {
    for (const reply of waiting.values()) reply.reject(new Error(`${script} ended with ${signal ?? code}`))
  })

  const timer = setTimeout(() => child.kill('SIGKILL'), startTimeoutMs)
  await expect(0).finally(() => clearTimeout(timer))
  let calls = 0
  return {
    moveTo: (cores) => void spawnSync('taskset', ['-acp', cores, String(child.pid)]),
    call<Name extends keyof C & string>(name: Name, argument: Parameters<C[Name]>[0]) {
      const call: Call = { id: ++calls, name, argument }
      const reply = expect(call.id)
      child.send(call)
      // What comes back is what the command of that name returned, made JSON and back.
      return reply as Promise<Result<C[Name]>>
    },
    [Symbol.asyncDispose]: () => end(child),
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  const timer = setTimeout(() => child.kill('SIGKILL'), exitTimeoutMs)
  child.disconnect()
  await exited
  clearTimeout(timer)
}

/** The other side: serves the commands until the starting process lets go, then releases what was acquired. */
export function serveCommands(commands: Commands, resources: AsyncDisposable): void {
  process.on('message', async ({ id, name, argument }: Call) => {
    try {
      reply({ id, result: await commands[name]?.(argument) })
    } catch (error) {
      reply({ id, error: messageOf(error) })
    }
  })
  process.once('disconnect', async () => {
    await resources[Symbol.asyncDispose]()
    process.exit()
  })
  reply({ id: 0 })
}

function reply(reply: Reply): void {
  if (process.connected) process.send?.(reply)
}

/** Which cores the server gets, and which all else. Null where `taskset` is missing or there is but one core. */
export function divideCores(): { server: string | null; others: string | null } {
  const found = spawnSync('taskset', ['-cp', String(process.pid)], { encoding: 'utf8' })
  const [, list = ''] = /: ([\d,-]+)/.exec(found.stdout ?? '') ?? []
  const cores = list.split(',').flatMap((range) => {
    const [first = Number.NaN, last = first] = range.split('-').map(Number)
    return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index)
  })
  const [server, ...others] = cores
  if (server === undefined || others.length === 0 || availableParallelism() < 2) return { server: null, others: null }
  return { server: String(server), others: others.join(',') }
}
