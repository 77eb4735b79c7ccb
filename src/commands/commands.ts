import type { CommandEntry } from './command.ts'

/** Every command, in the order of `parley help`. The first one is run where none is named. */
export const commands: readonly CommandEntry[] = [
  {
    name: 'serve',
    summary: 'Start the server (the default).',
    usage: '',
    flags: [],
    takesConfiguration: true,
    load: async () => (await import('./serve.ts')).serve,
  },
  {
    name: 'chat',
    summary: 'Ask a question and print the answer as it streams; PARLEY_TOKEN signs in.',
    usage: '"QUESTION" [--thread ID] [--model ID] [--yes] [--json] [--url URL]',
    flags: [
      ['--thread ID', 'Go on in this thread; without it, a new one is made.'],
      ['--model ID', 'The model that is to answer, such as openai/gpt-4o-mini.'],
      ['--yes', 'Approve every tool call that asks; without it, you are asked, if this is a terminal.'],
      ['--json', 'Print each event of the stream as a line of JSON.'],
      ['--url URL', 'A running server; by default the configured one, else one is started for this question.'],
    ],
    takesConfiguration: true,
    load: async () => (await import('./chat.ts')).chat,
  },
  {
    name: 'migrate',
    summary: 'Bring the database up to this version, as every start does, or back.',
    usage: '[--status] [--down [--to NAME]]',
    flags: [
      ['--status', 'Show which migrations are applied, and change nothing.'],
      ['--down', 'Undo the newest migration. What it drops is gone.'],
      ['--to NAME', 'With --down: undo all that are newer than this one.'],
    ],
    takesConfiguration: true,
    load: async () => (await import('./migrate.ts')).migrate,
  },
  {
    name: 'reindex',
    summary: 'Make what search finds anew, or go on with that.',
    usage: '',
    flags: [],
    takesConfiguration: true,
    load: async () => (await import('./reindex.ts')).reindex,
  },
  {
    name: 'doctor',
    summary: 'Check Node, configuration, database, providers and port.',
    usage: '',
    flags: [],
    takesConfiguration: true,
    load: async () => (await import('./doctor.ts')).doctor,
  },
  {
    name: 'schema',
    summary: 'Print the GraphQL schema.',
    usage: '',
    flags: [],
    takesConfiguration: false,
    load: async () => (await import('./schema.ts')).schema,
  },
  {
    name: 'help',
    summary: 'Show this, or what a command takes.',
    usage: '[COMMAND]',
    flags: [],
    takesConfiguration: false,
    load: async () => (await import('./help.ts')).help,
  },
]
