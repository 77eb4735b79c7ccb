import packageJson from '../package.json' with { type: 'json' }
import { type CommandEntry, SignalReceived, UsageError } from './commands/command.ts'
import { commands } from './commands/commands.ts'
import { findCommand } from './commands/help.ts'
import { watchSignals } from './commands/signals.ts'
import { ConfigError } from './platform/config/problems.ts'

/** What went wrong for a reason that the operator can change: the message is all there is to say. */
const expectedErrors: ReadonlySet<string> = new Set(['StartError', 'DirectoryLockedError', 'MigrationError'])

async function main(argv: readonly string[]): Promise<number> {
  const [first, ...rest] = argv
  if (first === '--version' || first === '-v') {
    process.stdout.write(`${packageJson.name} ${packageJson.version}\n`)
    return 0
  }
  if (first === '--help' || first === '-h') return run(findCommand('help'), [])
  // Without a name, the flags are those of the first command.
  const isNamed = first !== undefined && !first.startsWith('-')
  const [firstCommand] = commands
  const command = isNamed ? findCommand(first) : firstCommand
  if (command === undefined) throw new Error('there are no commands')
  const args = isNamed ? rest : argv
  const asksForHelp = args.some((argument) => argument === '--help' || argument === '-h')
  return asksForHelp ? run(findCommand('help'), [command.name]) : run(command, args)
}

async function run(entry: CommandEntry, argv: readonly string[]): Promise<number> {
  const command = await entry.load()
  const { env, stdin, stdout, stderr } = process
  return command.run({ argv, env, cwd: process.cwd(), stdin, stdout, stderr, interrupted: watchSignals() })
}

function report(error: unknown): number {
  if (error instanceof ConfigError) return complain(error.message, 2)
  if (error instanceof SignalReceived) return error.exitCode
  if (error instanceof UsageError) return complain(`${error.message} See \`npm run parley -- help\`.`, 2)
  if (!(error instanceof Error)) return complain(String(error), 1)
  if (expectedErrors.has(error.name) || isTranslated(error))
    return complain(error.message.replaceAll(/\s*\n\s*/g, ' '), 1)
  return complain(error.stack ?? error.message, 1)
}

/** An error that was caught where it arose and put into words for people has the original as its cause. */
function isTranslated(error: Error): boolean {
  return error.cause instanceof Error
}

function complain(message: string, exitCode: number): number {
  process.stderr.write(`${message}\n`)
  return exitCode
}

// Whoever reads the output may stop reading, as `head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

process.exit(await main(process.argv.slice(2)).catch(report))
