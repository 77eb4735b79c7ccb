import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Config } from '../platform/config/schema.ts'
import { messageOf } from '../platform/errors.ts'
import type { Log } from '../platform/log.ts'
import { createProviders } from '../providers/registry.ts'
import { type Finding, failed, fine, skipped } from './finding.ts'
import type { ServerHealth } from './server-client.ts'

const maxModels = 3

/** Each provider that is on, by its list of models. */
export async function checkProviders(config: Config, log: Log): Promise<Finding[]> {
  if (!config.llm.enabled) return [skipped('Providers', 'switched off (llm.enabled)')]
  await using providers = createProviders({ config, log })
  const models = await providers.models()
  const findings = providers.list().map(({ id, kind, health, error }): Finding => {
    const subject = `Provider ${id}`
    if (error !== null) return failed(subject, `${health.toLowerCase()}: ${error}`, 'check its baseUrl and apiKey')
    const ids = models.filter(({ provider }) => provider.id === id).map((model) => model.id)
    const more = ids.length > maxModels ? ` and ${ids.length - maxModels} more` : ''
    const listing = ids.length === 0 ? 'lists no models' : `${ids.slice(0, maxModels).join(', ')}${more}`
    return fine(subject, kind === 'demo' ? `${listing} (no key needed)` : listing)
  })
  const defaultId = providers.defaultModelId()
  if (defaultId === null) {
    const remedy = 'set OPENAI_API_KEY, ANTHROPIC_API_KEY, GEMINI_API_KEY or OLLAMA_HOST, or enable a provider'
    return [...findings, failed('Default model', 'no provider is enabled', remedy)]
  }
  return [...findings, fine('Default model', defaultId)]
}

/** Whether the port is free, or the server that has it is Parley. */
export async function checkPort({ host, port }: Config, server: ServerHealth | null): Promise<Finding[]> {
  if (server !== null) {
    return [fine('Port', `${port}: Parley ${server.version} runs there, for ${server.uptimeSeconds} s`)]
  }
  if (port === 0) return [fine('Port', 'any free one')]
  const probe = createServer()
  try {
    const listening = once(probe, 'listening')
    probe.listen(port, host)
    await listening
    return [fine('Port', `${port} is free`)]
  } catch (error) {
    const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
    const detail = isTaken ? 'is in use by something else than Parley' : `cannot be used: ${messageOf(error)}`
    return [
      failed('Port', `${port} on ${host} ${detail}`, 'stop what listens there, or choose another with PARLEY_PORT'),
    ]
  } finally {
    probe.close()
  }
}
