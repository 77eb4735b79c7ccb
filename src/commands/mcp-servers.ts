import { readServersFile, type ServersFile } from '../mcp/servers-file.ts'
import type { LoadedConfig } from '../platform/config/load.ts'

/** The MCP servers that a configuration names. Throws a `ConfigError`. */
export function readMcpServers(
  { config, sources, variables }: Pick<LoadedConfig<Record<never, never>>, 'config' | 'sources' | 'variables'>,
  cwd: string,
): ServersFile {
  return readServersFile({ file: config.mcpServersFile, source: sources.get('mcpServersFile'), cwd, variables })
}
