import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createTestDatabase, type TestDatabase } from './database.ts'

export const launcher = fileURLToPath(new URL('../../bin/parley.js', import.meta.url))

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface ParleyProcess extends AsyncDisposable {
  /** The very process that serves, where `node` is no older one: a signal to it reaches the server. */
  readonly child: ChildProcess
  /** What it has written so far, both streams in the order in which they came. */
  output(): string
  stdout(): string
  stderr(): string
  /** The first match in its output, past or future; rejects where the process ends without one. */
  waitFor(pattern: RegExp | string): Promise<RegExpExecArray>
  kill(signal: NodeJS.Signals): void
  /** Resolves when it has ended and all its output is here. */
  readonly exited: Promise<Exit>
}

export interface ServerProcess extends ParleyProcess {
  /** Such as `http://127.0.0.1:41234`, `basePath` included. */
  readonly url: string
  readonly dataDir: string
  /** What of its environment says where its database and its port are: for commands that mean this server. */
  readonly env: Readonly<Record<string, string>>
}

export interface ProcessOptions {
  /** The command and its flags; by default `serve`. */
  readonly args?: readonly string[]
  /** Beside PATH and HOME, all of its environment: no keys of the machine reach it. */
  readonly env?: Readonly<Record<string, string>>
  /** Where `.env`, `parley.yaml` and relative paths are looked for; by default an empty directory. */
  readonly cwd?: string
  /** The Node that runs it; by default this one. */
  readonly node?: string
  /** The script; by default bin/parley.js. */
  readonly script?: string
  /** At a terminal of its own, where `hasTerminals`: both streams are then one, and `child.stdin` is the keys. */
  readonly atTerminal?: boolean
}

/** Whether processes can have terminals here: util-linux's `script` makes them. */
export function hasTerminals(): boolean {
  try {
    return execFileSync('script', ['--version'], { encoding: 'utf8', timeout: 5_000 }).includes('util-linux')
  } catch {
    return false
  }
}

/** The command that runs another at a terminal, and ends with its exit code. */
function atNewTerminal(command: readonly string[]): string[] {
  const quoted = command.map((word) => `'${word.replaceAll("'", `'\\''`)}'`)
  return ['script', '-qfec', `exec ${quoted.join(' ')}`, '/dev/null']
}

/** Starts any command of Parley. Disposing of it kills it where it still runs. */
export function spawnParley({
  args = ['serve'],
  env = {},
  cwd,
  node = process.execPath,
  script = launcher,
  atTerminal = false,
}: ProcessOptions = {}): ParleyProcess {
  const command = [node, script, ...args]
  const [file = node, ...words] = atTerminal ? atNewTerminal(command) : command
  const child = spawn(file, words, {
    cwd: cwd ?? tmpdir(),
    env: { PATH: process.env.PATH, HOME: process.env.HOME, NODE_ENV: 'test', ...env },
    stdio: [atTerminal ? 'pipe' : 'ignore', 'pipe', 'pipe'],
  })
  const written = { all: '', stdout: '', stderr: '' }
  const watchers = new Set<() => void>()
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      written.all += text
      written[name] += text
      for (const watch of watchers) watch()
    })
  }
  let hasEnded = false
  const exited = new Promise<Exit>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      hasEnded = true
      resolve({ code, signal })
      for (const watch of watchers) watch()
    })
  })

  return {
    child,
    output: () => written.all,
    stdout: () => written.stdout,
    stderr: () => written.stderr,
    waitFor(pattern) {
      const expression =
        typeof pattern === 'string' ? new RegExp(pattern.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')) : pattern
      return new Promise((resolve, reject) => {
        const watch = () => {
          const match = new RegExp(expression).exec(written.all)
          if (!match && !hasEnded) return
          watchers.delete(watch)
          if (match) resolve(match)
          else reject(new Error(`it ended without ${expression}:\n${written.all}`))
        }
        watchers.add(watch)
        watch()
      })
    },
    kill: (signal) => void child.kill(signal),
    exited,
    async [Symbol.asyncDispose]() {
      if (!hasEnded) child.kill('SIGKILL')
      await exited
    },
  }
}

/**
 * Starts a server on a free port, and returns once it serves. Its database is one of its own, of the kind that the
 * suite runs on, and is removed with it, unless `PARLEY_DATA_DIR` or `DATABASE_URL` names one that outlives it.
 */
export async function startProcess(options: ProcessOptions = {}): Promise<ServerProcess> {
  await using resources = new AsyncDisposableStack()
  const place = { ...(await ownPlace(options.env ?? {}, resources)), ...options.env }
  const parley = resources.use(
    spawnParley({ ...options, env: { PARLEY_PORT: '0', PARLEY_SEARCH_ENABLED: 'false', ...place } }),
  )
  const [, url = ''] = await parley.waitFor(/^ *Health +(\S+)\/health$/m)
  const env = { ...place, PARLEY_PORT: new URL(url).port }
  const held = resources.move()
  return {
    ...parley,
    url,
    dataDir: place.PARLEY_DATA_DIR ?? '',
    env,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

async function ownPlace(
  given: Readonly<Record<string, string>>,
  resources: AsyncDisposableStack,
): Promise<Record<string, string>> {
  if (given.PARLEY_DATA_DIR !== undefined || given.DATABASE_URL !== undefined) return {}
  return environmentOf(resources.use(await createTestDatabase()))
}

/** The variables that lead a process to the database. */
export function environmentOf({ url, dataDir }: Pick<TestDatabase, 'url' | 'dataDir'>): Record<string, string> {
  return { PARLEY_DATA_DIR: dataDir, ...(url !== undefined && { DATABASE_URL: url }) }
}

/** Runs a command to its end. */
export async function runParley(options: ProcessOptions): Promise<Exit & { stdout: string; stderr: string }> {
  await using parley = spawnParley(options)
  const exit = await parley.exited
  return { ...exit, stdout: parley.stdout(), stderr: parley.stderr() }
}

/** A new directory that is removed with everything in it. */
export async function temporaryDirectory(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'parley-test-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 3 }) }
}
