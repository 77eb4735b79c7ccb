import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'

/** Another process holds the directory. Its message is one line, fit to be all that a user sees. */
export class DirectoryLockedError extends Error {
  override readonly name = 'DirectoryLockedError'
  readonly directory: string
  /** The process that holds the directory, where it could be learned. */
  readonly pid: number | undefined

  constructor(directory: string, pid: number | undefined) {
    const owner = pid === undefined ? 'another process' : `process ${pid}`
    super(`The data directory ${directory} is in use by ${owner}: stop it, or choose another directory.`)
    this.directory = directory
    this.pid = pid
  }
}

const lockFile = 'parley.lock'
const ownerFile = 'parley.pid'

/**
 * Makes this process the only one that holds `directory` (which must exist) until the result is disposed of or the
 * process ends, however it ends. Throws a DirectoryLockedError where another one, or this one, holds it already.
 *
 * Node has no flock, SQLite does: a transaction that is open on a file of the directory is a lock of the operating
 * system on it. It needs no pid to be compared, so there is nothing that can be stale or be reused, the kernel decides
 * between two that start at once, and containers that share a volume see each other. The pid is only for the message.
 */
export async function lockDirectory(directory: string): Promise<Disposable> {
  const lock = new DatabaseSync(join(directory, lockFile), { timeout: 0 })
  try {
    // No journal: the transaction writes nothing, and the directory stays free of files that only look like data.
    lock.exec('PRAGMA journal_mode = OFF; BEGIN EXCLUSIVE')
  } catch (error) {
    lock.close()
    if (!isBusy(error)) throw error
    throw new DirectoryLockedError(directory, await readOwner(directory))
  }
  try {
    await writeFile(join(directory, ownerFile), `${process.pid}\n`, { mode: 0o600 })
  } catch (error) {
    lock.close()
    throw error
  }
  return { [Symbol.dispose]: () => lock.isOpen && lock.close() }
}

/** The owner writes its pid just after it took the lock, so an empty or missing file is waited for a little. */
async function readOwner(directory: string): Promise<number | undefined> {
  for (let attempt = 0; attempt < 10; attempt += 1) {
    const pid = Number.parseInt(await readFile(join(directory, ownerFile), 'utf8').catch(() => ''), 10)
    if (pid > 0 && isAlive(pid)) return pid
    await sleep(20)
  }
  return undefined
}

/** Another user's process cannot be signalled, which also says that it lives. */
function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** SQLITE_BUSY is 5, and its extended codes have it in their lowest byte. */
function isBusy(error: unknown): boolean {
  return (
    error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' && (error.errcode & 0xff) === 5
  )
}
