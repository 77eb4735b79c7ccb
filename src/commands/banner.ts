import { type App, version } from '../app.ts'
import type { ServersFile } from '../mcp/servers-file.ts'
import type { Resolution } from '../platform/config/resolve.ts'
import type { ProviderStatus } from '../providers/provider-status.ts'
import { builtinTools } from '../tools/builtin/builtin-tools.ts'
import { describeSearch } from './doctor-search.ts'
import { printable, styledFor } from './text.ts'

/** How long the banner waits for a provider to list its models. */
const patienceMs = 800
const maxModels = 4
const maxServers = 8

/** What a person wants to know of a server that has just started, and what to try first. */
export async function banner(
  app: App,
  resolution: Resolution & { readonly mcp: ServersFile },
  stream: NodeJS.WriteStream,
): Promise<string> {
  const style = styledFor(stream)
  const { url } = app.server
  const rows: [string, string][] = [
    ['GraphiQL', `${style('cyan', `${url}/graphql`)}  (in a browser)`],
    ['GraphQL', style('cyan', `${url}/graphql`)],
    ['WebSocket', style('cyan', `${url.replace(/^http/, 'ws')}/graphql`)],
    ['Health', style('cyan', `${url}/health`)],
    ['Database', app.databaseDescription],
    ...(await providerRows(app, resolution)).map((row): [string, string] => ['Models', row]),
    ...defaultRows(app, resolution).map((row): [string, string] => ['Default', row]),
    ['Search', searchRow(app, resolution)],
    ...toolRows(resolution.mcp).map((row): [string, string] => ['Tools', row]),
  ]
  const written = rows.map(([name, value], index) => {
    const label = name === rows[index - 1]?.[0] ? '' : name
    return `  ${style('dim', label.padEnd(10))} ${value}`
  })
  return `
${style('bold', `Parley ${version}`)} is ready.

${written.join('\n')}

  Try next:
${suggestions(app, resolution)
  .map((suggestion) => `    ${suggestion}`)
  .join('\n')}

`
}

function suggestions({ providers, server }: App, { config }: Resolution): string[] {
  const hasModel = providers.list().some(({ kind }) => kind !== 'demo')
  return [
    ...firstSteps(config.auth, server.url),
    ...(hasModel ? [] : ['OPENAI_API_KEY=… npm start, for answers of a real model']),
  ]
}

function firstSteps({ mode, proxy }: Resolution['config']['auth'], url: string): string[] {
  const withToken = 'PARLEY_TOKEN=… npm run chat -- "Hello"'
  switch (mode) {
    case 'local':
      return ['open GraphiQL, and run its first tab', 'npm run chat -- "Hello"']
    case 'accounts':
      return ['open GraphiQL, and sign in or register with its first tabs: the first account becomes ADMIN', withToken]
    case 'jwt':
      return [`${withToken}, with a token of your login service`]
    case 'proxy':
      return [`let the proxy send ${proxy.userHeader} to ${url}`]
  }
}

async function providerRows({ providers }: App, { config }: Resolution): Promise<string[]> {
  if (!config.llm.enabled) return ['switched off (llm.enabled): messages are stored and not answered']
  const listed = await Promise.all(
    providers.list().map(async (status) => ({ status, models: await inTime(providers.models(status.id)) })),
  )
  const defaultId = providers.defaultModelId()
  const isDefaults = ({ id }: ProviderStatus) => defaultId?.startsWith(`${id}/`) === true
  const sorted = listed.toSorted((a, b) => Number(isDefaults(b.status)) - Number(isDefaults(a.status)))
  if (sorted.length === 0) return ['none: no provider is enabled']
  return sorted.map(({ status, models }) => {
    const ids = models?.map(({ id }) => id).toSorted((a, b) => Number(b === defaultId) - Number(a === defaultId))
    const known = ids ?? (isDefaults(status) && defaultId !== null ? [defaultId] : [])
    const named = known.slice(0, maxModels).map((id) => (id === defaultId ? `${id} (default)` : id))
    const more = known.length > maxModels ? [`and ${known.length - maxModels} more`] : []
    const listing = [...named, ...more].join(', ') || `${status.id}: no models listed`
    return printable(`${listing}${remark(status, models === undefined)}`)
  })
}

/** Which model answers where nobody says which, and what made it so; after its provider had time to list its models. */
function defaultRows({ providers }: App, { config, sources }: Resolution): string[] {
  if (!config.llm.enabled) return []
  const id = providers.defaultModelId()
  return [
    id === null ? 'none: no provider has a model that could be it' : `${id}  (${reason(id, { config, sources })})`,
  ]
}

function reason(defaultId: string, { config, sources }: Resolution): string {
  if (config.defaultModel !== undefined) return `defaultModel: ${sources.get('defaultModel')}`
  const index = config.providers.findIndex(({ id }) => defaultId.startsWith(`${id}/`))
  if (index === -1) return 'of a provider that was added at run time'
  const source = sources.get(`providers[${index}]`) ?? 'default'
  return source === 'default' ? 'no other provider is configured' : source
}

function searchRow({ providers }: App, { config: { search, embedding } }: Resolution): string {
  return search.enabled ? printable(describeSearch(embedding.model, providers)) : 'switched off (search.enabled)'
}

/** The servers are being connected: how that goes, the log and `mcpServers` tell. */
function toolRows({ file, servers }: ServersFile): string[] {
  const names = servers.map(({ id, disabled }) => (disabled ? `${id} (disabled)` : id))
  const listed =
    servers.length > maxServers ? [...names.slice(0, maxServers), `and ${names.length - maxServers} more`] : names
  return [
    builtinTools.map(({ name }) => name).join(', '),
    file === null
      ? 'no MCP servers: mcp-servers.json would name them'
      : `MCP servers of ${file}: ${listed.join(', ') || 'none'}`,
  ]
}

function remark({ kind, error }: ProviderStatus, stillAsking: boolean): string {
  if (kind === 'demo') return ', demo (no key needed)'
  if (error !== null) return `: ${error}`
  return stillAsking ? ', has not listed its models yet' : ''
}

/** Undefined where it takes longer than the banner can wait; it goes on by itself. */
async function inTime<T>(work: Promise<T>): Promise<T | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  const timer = setTimeout(() => resolve(undefined), patienceMs)
  return Promise.race([work, promise]).finally(() => clearTimeout(timer))
}
