import { openDatabase } from '../database/database.ts'
import { applyMigrations } from '../database/migrations.ts'
import { loadConfig } from '../platform/config/load.ts'
import { createLog } from '../platform/log.ts'
import { OutboundGuard } from '../platform/outbound-guard.ts'
import { kinds } from '../providers/kinds.ts'
import { createProviders } from '../providers/registry.ts'
import { openStoredProviders } from '../providers/stored-providers.ts'
import { reindex as makeAnew } from '../search/reindex.ts'
import { openSearchParts } from '../search/search.ts'
import { type Command, exitCodeOf, refuseArguments } from './command.ts'
import { progressOf } from './progress.ts'

export const reindex: Command = {
  async run({ argv, env, cwd, stdout, stderr, interrupted }) {
    const { config, positionals } = loadConfig({ argv, env, cwd, providerKinds: Object.keys(kinds) })
    refuseArguments(positionals)
    // What is done is said below, on standard output.
    const log = createLog({ ...config, logLevel: 'warn' }, stderr)
    await using database = await openDatabase({ config: config.database, dataDir: config.dataDir, log })
    await applyMigrations(database, { log }, interrupted)
    // As a server does, which asks the same models.
    using outbound = new OutboundGuard({
      ...config.outbound,
      allowPrivateAddresses: config.outbound.allowPrivateAddresses ?? config.auth.mode === 'local',
    })
    await using providers = createProviders({ config, log, outbound })
    await using _stored = await openStoredProviders({
      database: database.client,
      providers,
      outbound,
      encryptionKey: config.encryptionKey,
      isShared: database.kind === 'postgres',
      log,
    })
    const search = { minSimilarity: config.search.minSimilarity, embedding: config.embedding }
    const parts = await openSearchParts({ database, providers, config: search, log })
    await using _embedders = parts.embedders

    stdout.write(`Database: ${database.description}\nEmbedding: ${parts.embedders.current().name}\n`)
    const progress = {
      onStart: (isResumed: boolean) => {
        if (isResumed) stdout.write('Going on where an earlier call was ended.\n')
      },
      onTexts: progressOf('texts read', stdout),
      onPassages: progressOf('passages embedded', stdout),
    }
    try {
      const left = await makeAnew(parts, progress, interrupted)
      stdout.write(
        left === 0
          ? 'Done.\n'
          : `\nDone, but for ${left} passages: a running server is at them, or the model failed with them.\n`,
      )
      return 0
    } catch (error) {
      if (!interrupted.aborted) throw error
      stdout.write('\nNot done: the next call, or the server, goes on.\n')
      return exitCodeOf(interrupted)
    }
  },
}
