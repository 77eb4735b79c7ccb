import type { Variables } from '../platform/config/layer.ts'

/** What a command is started with. */
export interface Invocation {
  /** The arguments after the command's name. */
  readonly argv: readonly string[]
  readonly env: Variables
  readonly cwd: string
  readonly stdin: NodeJS.ReadStream
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
  /** Aborted by the first SIGINT or SIGTERM, with a `SignalReceived` as its reason. A second one ends the process. */
  readonly interrupted: AbortSignal
}

export interface Command {
  /** Returns the exit code: 0 done, 1 failed, 2 asked for wrongly, 128 + n ended by signal n. */
  run(invocation: Invocation): Promise<number>
}

/** A command as `parley help` shows it; what it needs is loaded when it is run. */
export interface CommandEntry {
  readonly name: string
  readonly summary: string
  /** What follows the name, such as `[--down]`. */
  readonly usage: string
  /** Each of its own flags, as it is written, with what it means. */
  readonly flags: readonly (readonly [written: string, meaning: string])[]
  /** Whether it also takes the flags of the configuration. */
  readonly takesConfiguration: boolean
  load(): Promise<Command>
}

/** The command was asked for in a way that it does not understand. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

export class SignalReceived extends Error {
  override readonly name = 'SignalReceived'
  readonly signal: 'SIGINT' | 'SIGTERM'

  constructor(signal: 'SIGINT' | 'SIGTERM') {
    super(`received ${signal}`)
    this.signal = signal
  }

  /** What a shell shows for a process that the signal ended. */
  get exitCode(): number {
    return this.signal === 'SIGINT' ? 130 : 143
  }
}

/** 130 or 143 where a signal ended the command, else 1. */
export function exitCodeOf({ reason }: AbortSignal): number {
  return reason instanceof SignalReceived ? reason.exitCode : 1
}

/** Throws where a command that takes no arguments got some. */
export function refuseArguments(positionals: readonly string[]): void {
  const [first] = positionals
  if (first !== undefined) throw new UsageError(`The argument ${JSON.stringify(first)} is one too many.`)
}
