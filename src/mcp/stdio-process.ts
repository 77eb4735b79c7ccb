import { type ChildProcess, spawn } from 'node:child_process'
import { type Readable, Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { getDefaultEnvironment } from '@modelcontextprotocol/sdk/client/stdio.js'
import { messageOf } from '../platform/errors.ts'
import { McpError } from './mcp.ts'
import { endGroup, signalGroup } from './process-group.ts'
import type { Reaper } from './reaper.ts'
import type { StdioServerConfig } from './server-config.ts'
import { findCommand, isDirectory } from './stdio-command.ts'

/** The process of a server, which leads a group of its own. */
export interface ServerProcess {
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  /** How the process ended, in words. Whatever else is in its group is ended then. */
  readonly exited: Promise<string>
  /** Resolves when both outputs have been read to their ends, or given up, and nothing of the group is left. */
  readonly gone: Promise<void>
  /** Asks by the end of its input, then by a signal, then does not ask any more; resolves when `gone` does. */
  end(): Promise<void>
}

/** How long it is waited after each way of asking a server to end. */
const graceMs = 2_000
/** How long what an ended server wrote may take to be read, where another process has its output too. */
const lateOutputMs = 500

/** What a shell adds to an environment by itself. */
const shellVariables = ['PWD', 'OLDPWD', 'SHLVL', '_']

/**
 * Starts a server behind a gate: a shell that waits on descriptor 3 and becomes the server once the reaper watches over its
 * group. Where this process dies before, the shell ends. The arguments are the shell's own, and are no part of a script.
 *
 * The environment is the SDK's default list and the entry's. Throws an `McpError`.
 */
export async function startServerProcess(config: StdioServerConfig, reaper: Reaper): Promise<ServerProcess> {
  const env = { ...getDefaultEnvironment(), ...config.env }
  const directory = config.cwd ?? process.cwd()
  if (!(await isDirectory(directory))) throw new McpError(`no such directory: ${directory}`)
  if (process.platform === 'win32') return serverProcess(await spawned(config.command, config.args, directory, env))

  const path = await findCommand(config.command, directory, env.PATH ?? '')
  const added = shellVariables.filter((name) => !Object.hasOwn(config.env, name)).join(' ')
  const gate = `read -r _ <&3 || exit 1; exec 3<&-; unset ${added}; exec "$@"`
  const child = await spawned('/bin/sh', ['-c', gate, 'sh', path, ...config.args], directory, env)
  const started = serverProcess(child, reaper)
  const gatekeeper = child.stdio[3]
  if (!(gatekeeper instanceof Writable)) throw new Error('a server was spawned without its gate')
  gatekeeper.on('error', () => {})
  try {
    await reaper.watch(groupOf(child))
  } catch (error) {
    gatekeeper.destroy()
    await started.end()
    throw error
  }
  gatekeeper.end('\n')
  return started
}

async function spawned(
  command: string,
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>>,
): Promise<ChildProcess> {
  try {
    const child = spawn(command, args, {
      cwd,
      env,
      detached: process.platform !== 'win32',
      windowsHide: true,
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    })
    await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject))
    return child
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : messageOf(error)
    throw new McpError(`the server's process cannot be started: ${code}`)
  }
}

function serverProcess(child: ChildProcess, reaper?: Reaper): ServerProcess {
  const { stdin, stdout, stderr } = child
  if (stdin === null || stdout === null || stderr === null) throw new Error('a server was spawned without pipes')
  // What is written to a server that has ended is nobody's any more.
  for (const stream of [stdin, stdout, stderr]) stream.on('error', () => {})
  child.on('error', () => {})

  const group = groupOf(child)
  const exited = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal === null ? `exited with code ${code}` : `ended by ${signal}`))
  })
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const gone = exited.then(async () => {
    if (reaper !== undefined) {
      await endGroup(group, graceMs)
      reaper.forget(group)
    }
    await Promise.race([closed, sleep(lateOutputMs, undefined, { ref: false })])
    for (const stream of [stdin, stdout, stderr]) stream.destroy()
  })

  return {
    stdin,
    stdout,
    stderr,
    exited,
    gone,
    async end() {
      stdin.end()
      for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
        const late = Symbol('late')
        if ((await Promise.race([exited, sleep(graceMs, late, { ref: false })])) !== late) break
        if (reaper === undefined) child.kill(signal)
        else signalGroup(group, signal)
      }
      await gone
    },
  }
}

/** The group's number is that of the process which leads it. */
function groupOf({ pid }: ChildProcess): number {
  if (pid === undefined) throw new Error('a process without a number')
  return pid
}
