import { openDatabase } from '../database/database.ts'
import { applyMigrations, type MigrationStatus, migrationStatus, revertMigrations } from '../database/migrations.ts'
import { loadConfig } from '../platform/config/load.ts'
import { createLog } from '../platform/log.ts'
import { kinds } from '../providers/kinds.ts'
import { type Command, refuseArguments, UsageError } from './command.ts'
import { columns } from './text.ts'

export const migrate: Command = {
  async run({ argv, env, cwd, stdout, stderr, interrupted }) {
    const { config, positionals, flags } = loadConfig({
      argv,
      env,
      cwd,
      providerKinds: Object.keys(kinds),
      commandFlags: { down: { type: 'boolean' }, to: { type: 'string' }, status: { type: 'boolean' } },
    })
    refuseArguments(positionals)
    if (flags.to !== undefined && !flags.down) throw new UsageError('--to goes with --down.')
    if (flags.status && flags.down) throw new UsageError('--status changes nothing, so it does not go with --down.')

    // What is done is said below, on standard output.
    const log = createLog({ ...config, logLevel: 'warn' }, stderr)
    await using database = await openDatabase({ config: config.database, dataDir: config.dataDir, log })
    stdout.write(`Database: ${database.description}\n`)
    if (flags.status) {
      stdout.write(describe(await migrationStatus(database)))
    } else if (flags.down) {
      const undone = await revertMigrations(database, { log, to: flags.to }, interrupted)
      stdout.write(listing('Undid', undone) ?? 'Nothing to undo.\n')
    } else {
      const applied = await applyMigrations(database, { log }, interrupted)
      stdout.write(listing('Applied', applied) ?? 'It is up to date.\n')
    }
    return 0
  },
}

function describe({ applied, pending, failed, unknown, edited }: MigrationStatus): string {
  const rows = [
    ...applied.map((name) => [edited.includes(name) ? 'edited' : 'applied', name] as const),
    ...pending.map((name) => ['pending', name] as const),
    ...failed.map((name) => ['failed', name] as const),
    ...unknown.map((name) => ['unknown', `${name} (of a newer version)`] as const),
  ]
  return rows.length === 0 ? 'There are no migrations.\n' : `${columns(rows)}\n`
}

function listing(verb: string, names: readonly string[]): string | undefined {
  return names.length === 0 ? undefined : names.map((name) => `${verb} ${name}\n`).join('')
}
