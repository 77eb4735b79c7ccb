import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { Report, Task } from './database-process.ts'

/** A process that works on a task; killed when it is disposed of. */
export interface TaskProcess extends AsyncDisposable {
  readonly pid: number
  /** What it reports, until it ends. */
  readonly reports: AsyncIterator<Report, undefined>
  /** Lets it end by itself. */
  finish(): Promise<void>
  /** kill -9. */
  kill(): Promise<void>
}

export function startProcess(task: Task): TaskProcess {
  const script = fileURLToPath(new URL('./database-process.ts', import.meta.url))
  const child = spawn(process.execPath, [script, JSON.stringify(task)], { stdio: ['pipe', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  // Once the process is killed there is nobody to write to.
  child.stdin.on('error', () => {})
  const end = async (stop: () => void) => {
    if (child.exitCode === null && child.signalCode === null) stop()
    await exited
  }
  return {
    pid: child.pid ?? 0,
    reports: readReports(child),
    finish: () => end(() => child.stdin.end()),
    kill: () => end(() => child.kill('SIGKILL')),
    [Symbol.asyncDispose]: () => end(() => child.kill('SIGKILL')),
  }
}

async function* readReports(child: ChildProcessByStdio<Writable, Readable, null>): AsyncGenerator<Report, undefined> {
  for await (const line of createInterface({ input: child.stdout })) {
    // A killed process may leave half a line.
    if (line.endsWith('}')) yield JSON.parse(line) as Report
  }
  return undefined
}

/** The next report, which must be there before the process ends. */
export async function nextReport(process: TaskProcess): Promise<Report> {
  const next = await process.reports.next()
  if (next.done === true) throw new Error('the process ended without a word')
  return next.value
}
