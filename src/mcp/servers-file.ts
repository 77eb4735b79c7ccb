import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Variables } from '../platform/config/layer.ts'
import { formatPath, isMapping, type Path } from '../platform/config/path.ts'
import { ConfigError, type ConfigProblem } from '../platform/config/problems.ts'
import { describeSource } from '../platform/config/source.ts'
import type { McpServerConfig } from './server-config.ts'
import { type EntryProblem, entryExamples, readEntry } from './servers-file-entry.ts'
import { parseJsonFile } from './servers-file-json.ts'

/** The MCP servers of the configuration. */
export interface ServersFile {
  /** As it was named; null where nobody named one and there is none. */
  readonly file: string | null
  /** In the order of the file. */
  readonly servers: readonly McpServerConfig[]
  /** Keys that mean nothing here, such as `mcpServers.todo.alwaysAllow`: of other products. */
  readonly ignored: readonly string[]
}

export interface ServersFileOptions {
  /** `mcpServersFile`; undefined: `mcp-servers.json`, if it exists. */
  readonly file: string | undefined
  /** Where `mcpServersFile` was written, in words. */
  readonly source: string | undefined
  /** What relative paths start from. */
  readonly cwd: string
  /** What `${NAME}` stands for. */
  readonly variables: Variables
}

const defaultFile = 'mcp-servers.json'
const exampleFile =
  '{ "mcpServers": { "files": { "command": "npx", "args": ["-y", "@modelcontextprotocol/server-filesystem", "/srv"] } } }'
const serverId = /^[\p{L}\p{N}_@][\p{L}\p{N}_@\-./: ]{0,127}$/u

/**
 * Reads the servers in the `mcpServers` format of Claude Desktop, Cursor and others. Throws a `ConfigError` with every
 * problem there is; none of them holds a value.
 */
export function readServersFile({ file, source, cwd, variables }: ServersFileOptions): ServersFile {
  const name = file ?? defaultFile
  const content = readText(resolve(cwd, name))
  if (typeof content !== 'string') {
    if (content.code === 'ENOENT' && file === undefined) return { file: null, servers: [], ignored: [] }
    const message = content.code === 'ENOENT' ? `no such file: ${name}` : `cannot read ${name}: ${content.code}`
    throw new ConfigError([{ key: 'mcpServersFile', source: source ?? name, message, example: defaultFile }])
  }

  const json = parseJsonFile(content)
  const problemAt = (path: Path, message: string, line: number | undefined, example: string): ConfigProblem => ({
    key: path.length === 0 ? name : formatPath(path),
    source: describeSource({ kind: 'file', file: name, line }),
    message,
    example,
  })
  if ('fault' in json) throw new ConfigError([problemAt([], json.fault, json.line, exampleFile)])
  const root = json.value
  if (!isMapping(root) || !isMapping(root.mcpServers)) {
    const message = 'expected an object with the key mcpServers, which names the servers'
    throw new ConfigError([problemAt([], message, undefined, exampleFile)])
  }

  const problems: ConfigProblem[] = []
  const servers: McpServerConfig[] = []
  const ignored = Object.keys(root).filter((key) => key !== 'mcpServers' && key !== '$schema')
  for (const [id, entry] of Object.entries(root.mcpServers)) {
    const at = ['mcpServers', id]
    if (!serverId.test(id) || id === '__proto__') {
      const message = 'expected a name of at most 128 letters, digits, spaces and any of _ @ - . / :'
      problems.push(problemAt(at, message, json.lineOf(at), '"files": { … }'))
    }
    const reading = readEntry(entry, { id, cwd, variables })
    if (reading.server !== null) servers.push(reading.server)
    ignored.push(...reading.ignored.map((key) => formatPath([...at, key])))
    problems.push(
      ...reading.problems.map(({ path, message, example }: EntryProblem) =>
        problemAt(
          [...at, ...path],
          message,
          json.lineOf([...at, ...path]),
          example ?? entryExamples[String(path[0])] ?? '',
        ),
      ),
    )
  }
  // A variable that is not set leaves a text that fits nowhere: the first problem of a key is the one that counts.
  const unique = new Map(problems.toReversed().map((problem) => [problem.key, problem]))
  if (unique.size > 0) throw new ConfigError([...unique.values()].toReversed())
  return { file: name, servers, ignored }
}

/** The file's text without a byte order mark, or the system's code of why it cannot be read. */
function readText(path: string): string | { readonly code: string } {
  try {
    return readFileSync(path, 'utf8').replace(/^\uFEFF/, '')
  } catch (error) {
    return { code: error instanceof Error && 'code' in error ? String(error.code) : 'unknown error' }
  }
}
