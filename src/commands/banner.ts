import { type App, version } from '../app.ts'
import type { Config } from '../platform/config/schema.ts'
import type { ProviderStatus } from '../providers/registry.ts'
import { styledFor } from './text.ts'

/** How long the banner waits for a provider to list its models. */
const patienceMs = 800
const maxModels = 4

/** What a person wants to know of a server that has just started, and what to try first. */
export async function banner(app: App, config: Config, stream: NodeJS.WriteStream): Promise<string> {
  const style = styledFor(stream)
  const { url } = app.server
  const rows: [string, string][] = [
    ['GraphiQL', `${style('cyan', `${url}/graphql`)}  (in a browser)`],
    ['GraphQL', style('cyan', `${url}/graphql`)],
    ['WebSocket', style('cyan', `${url.replace(/^http/, 'ws')}/graphql`)],
    ['Health', style('cyan', `${url}/health`)],
    ['Database', app.databaseDescription],
    ...(await providerRows(app, config)).map((row): [string, string] => ['Models', row]),
  ]
  const written = rows.map(([name, value], index) => {
    const label = name === rows[index - 1]?.[0] ? '' : name
    return `  ${style('dim', label.padEnd(10))} ${value}`
  })
  return `
${style('bold', `Parley ${version}`)} is ready.

${written.join('\n')}

  Try next:
${suggestions(config)
  .map((suggestion) => `    ${suggestion}`)
  .join('\n')}

`
}

function suggestions(config: Config): string[] {
  const hasModel = config.providers.some(({ enabled, kind }) => enabled && kind !== 'demo')
  return [
    'open GraphiQL, and run its first tab',
    'npm run chat -- "Hello"',
    ...(hasModel ? [] : ['OPENAI_API_KEY=… npm start, for answers of a real model']),
  ]
}

async function providerRows({ providers }: App, { llm }: Config): Promise<string[]> {
  if (!llm.enabled) return ['switched off (llm.enabled): messages are stored and not answered']
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
    return `${listing}${remark(status, models === undefined)}`
  })
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
