import { requireLoopback } from '../auth/local.ts'
import { type LoadedConfig, loadConfig } from '../platform/config/load.ts'
import { ConfigError } from '../platform/config/problems.ts'
import type { Config } from '../platform/config/schema.ts'
import { messageOf } from '../platform/errors.ts'
import { createLog } from '../platform/log.ts'
import { kinds } from '../providers/kinds.ts'
import { type Command, type Invocation, refuseArguments } from './command.ts'
import { checkDatabase, checkDataDirectory } from './doctor-database.ts'
import { checkPort, checkProviders } from './doctor-network.ts'
import { checkSearch } from './doctor-search.ts'
import { type Finding, failed, fine, formatFindings, skipped } from './finding.ts'
import { localUrlOf } from './local-url.ts'
import { readMcpServers } from './mcp-servers.ts'
import { findServer } from './server-client.ts'
import { unlessAborted } from './signals.ts'

export const doctor: Command = {
  async run(invocation) {
    const findings = await unlessAborted(examine(invocation), invocation.interrupted)
    invocation.stdout.write(formatFindings(findings, invocation.stdout))
    return findings.some(({ verdict }) => verdict === 'failed') ? 1 : 0
  },
}

/** Every check, in the order in which they are read. What cannot be checked for want of another is left out. */
async function examine({ argv, env, cwd, stderr, interrupted }: Invocation): Promise<Finding[]> {
  const findings = [checkNode()]
  const loaded = readConfig({ argv, env, cwd })
  if (Array.isArray(loaded)) return [...findings, ...loaded]
  const { config } = loaded
  findings.push(fine('Configuration', 'no problems'), ...checkHost(config), ...checkMcpServers(loaded, cwd))
  const server = await findServer(localUrlOf(config))
  // What the checks find is in the findings.
  const log = createLog({ ...config, logLevel: 'silent' }, stderr)
  const checks: Promise<Finding[]>[] = [
    checkDataDirectory(config),
    checkDatabase(config, server, log),
    checkProviders(config, log),
    checkSearch(config, log, interrupted),
    checkPort(config, server),
  ]
  return [...findings, ...(await Promise.all(checks)).flat()]
}

function readConfig(options: Pick<Invocation, 'argv' | 'env' | 'cwd'>): LoadedConfig<Record<never, never>> | Finding[] {
  try {
    const loaded = loadConfig({ ...options, providerKinds: Object.keys(kinds) })
    refuseArguments(loaded.positionals)
    return loaded
  } catch (error) {
    return problemsIn('Configuration', error)
  }
}

/** Whether the file of MCP servers can be read; whether they can be reached, the server itself says when it runs. */
function checkMcpServers(loaded: LoadedConfig<Record<never, never>>, cwd: string): Finding[] {
  try {
    const { file, servers, ignored } = readMcpServers(loaded, cwd)
    if (file === null) return [skipped('MCP servers', 'none')]
    const names = servers.map(({ id, disabled }) => (disabled ? `${id} (disabled)` : id))
    const meaningless = ignored.length === 0 ? '' : `; ignored: ${ignored.join(', ')}`
    return [fine('MCP servers', `${servers.length} in ${file}: ${names.join(', ')}${meaningless}`)]
  } catch (error) {
    return problemsIn('MCP servers', error)
  }
}

function problemsIn(subject: string, error: unknown): Finding[] {
  if (!(error instanceof ConfigError)) throw error
  return error.problems.map(({ key, source, message, example }) =>
    failed(subject, `${key} (${source}): ${message}`, example === '' ? 'remove it' : `for example: ${example}`),
  )
}

/** Only where it is wrong: a loopback address goes without saying. */
function checkHost({ host }: Config): Finding[] {
  try {
    requireLoopback(host)
    return []
  } catch (error) {
    return [failed('Host', messageOf(error), 'set PARLEY_HOST to 127.0.0.1')]
  }
}

/** The launcher has refused what is too old already; this says what it has chosen. */
function checkNode(): Finding {
  return fine('Node.js', `${process.version}, ${process.execPath}`)
}
