import { configFileNames, configKeys } from '../platform/config/keys.ts'
import { nearest } from '../platform/config/nearest.ts'
import { type Command, type CommandEntry, UsageError } from './command.ts'
import { commands } from './commands.ts'
import { columns } from './text.ts'

export const help: Command = {
  async run({ argv, stdout }) {
    const [name] = argv
    stdout.write(name === undefined ? overview() : describe(findCommand(name)))
    return 0
  },
}

/** Throws a UsageError that names the command which was probably meant. */
export function findCommand(name: string): CommandEntry {
  const names = commands.map((command) => command.name)
  const found = commands.find((command) => command.name === name)
  if (found) return found
  const close = nearest(name, names)
  const remedy = close === undefined ? `The commands are ${names.join(', ')}.` : `Did you mean ${close}?`
  throw new UsageError(`There is no command ${JSON.stringify(name)}. ${remedy}`)
}

function overview(): string {
  return `Usage: parley [COMMAND] [FLAGS]

${columns(commands.map(({ name, summary }) => [name, summary]))}

parley help COMMAND shows what a command takes; parley --version, which version this is.
`
}

function describe({ name, summary, usage, flags, takesConfiguration }: CommandEntry): string {
  const sections = [
    `Usage: parley ${`${name} ${usage}`.trim()}${takesConfiguration ? ' [CONFIGURATION]' : ''}`,
    summary,
  ]
  if (flags.length > 0) sections.push(columns(flags))
  if (takesConfiguration)
    sections.push(`Configuration, also as environment variables or in YAML:\n\n${configuration()}`)
  return `${sections.join('\n\n')}\n`
}

function configuration(): string {
  return columns([
    [`--${configFileNames.flag} FILE`, `The YAML file; by default ${configFileNames.default}.`],
    ...configKeys.flatMap(({ flag, type, description }): [string, string][] =>
      flag === null ? [] : [[type === 'boolean' ? `--${flag}` : `--${flag} …`, description]],
    ),
  ])
}
