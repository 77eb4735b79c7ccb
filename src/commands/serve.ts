import { createApp, version } from '../app.ts'
import { loadConfig } from '../platform/config/load.ts'
import { createLog, type Log } from '../platform/log.ts'
import { kinds } from '../providers/kinds.ts'
import { banner } from './banner.ts'
import { type Command, exitCodeOf, refuseArguments } from './command.ts'
import { readMcpServers } from './mcp-servers.ts'
import { unlessAborted } from './signals.ts'

/** How much longer than `drainMs` stopping may take before it is given up. */
const stopGraceMs = 5_000

export const serve: Command = {
  async run({ argv, env, cwd, stdout, stderr, interrupted }) {
    const loaded = loadConfig({ argv, env, cwd, providerKinds: Object.keys(kinds) })
    const { config, sources } = loaded
    refuseArguments(loaded.positionals)
    const mcp = readMcpServers(loaded, cwd)
    const log = createLog(config)
    if (mcp.ignored.length > 0)
      log.warn({ file: mcp.file, keys: mcp.ignored }, 'keys of MCP servers that mean nothing here')
    endOnBugs(log)

    // A start that is interrupted needs no order: the database takes even a kill without loss.
    const app = await unlessAborted(createApp({ config, log, mcpServers: mcp.servers }), interrupted).catch((error) => {
      if (!interrupted.aborted) throw error
    })
    if (!app) return exitCodeOf(interrupted)
    app.warm()

    // On a terminal, the banner says it.
    if (!stdout.isTTY) log.info({ url: app.server.url, version, database: app.databaseDescription }, 'ready')
    // To standard error: standard output may be the log's, a line of JSON each.
    stderr.write(await banner(app, { config, sources, mcp }, stderr))

    await aborted(interrupted)
    log.info({ drainMs: config.drainMs }, 'stopping')
    const patience = setTimeout(() => {
      log.fatal('stopping took too long')
      process.exit(1)
    }, config.drainMs + stopGraceMs)
    await app.stop()
    clearTimeout(patience)
    log.info('stopped')
    return 0
  },
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}

/** After an error that nobody expected, nobody knows what state the process is in: the next one takes over its runs. */
function endOnBugs(log: Log): void {
  process.on('uncaughtException', (err, origin) => {
    log.fatal({ err }, origin === 'unhandledRejection' ? 'unhandled rejection' : 'uncaught exception')
    process.exit(1)
  })
}
