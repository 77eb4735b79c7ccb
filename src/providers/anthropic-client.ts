import { Anthropic } from '@anthropic-ai/sdk'
import type { MessagesBody } from './anthropic-request.ts'
import { blockBindingBeta } from './anthropic-thinking.ts'
import type { KindDependencies } from './kinds.ts'
import type { ProviderConfig } from './provider-config.ts'

/**
 * The version of the API that is spoken. The SDK speaks 2026-10-21, which takes no temperature for any model, and which
 * compatible servers do not know (https://platform.claude.com/docs/en/api/versioning).
 */
const apiVersion = '2023-06-01'

/** The SDK's client, with nothing from the environment: what is sent as headers is what stands here. */
export class AnthropicClient extends Anthropic {
  readonly #headers: Readonly<Record<string, string>>

  constructor(config: ProviderConfig, baseURL: string, { fetch }: Pick<KindDependencies, 'fetch'>) {
    super({
      // The SDK's own paths begin with /v1.
      baseURL: baseURL.replace(/\/+$/, '').replace(/\/v1$/, ''),
      // null, and not undefined, for which the SDK would look in the environment; the key is among the headers.
      apiKey: null,
      authToken: null,
      webhookKey: null,
      defaultHeaders: { authorization: null },
      logLevel: 'off',
      openTelemetry: false,
      // What is tried again, and where, is decided for all kinds in one place.
      maxRetries: 0,
      // Above the caller's own deadline, which says more of what happened.
      timeout: config.timeoutMs + 1_000,
      fetch,
    })
    this.#headers = {
      'anthropic-version': apiVersion,
      ...(config.apiKey ? { 'x-api-key': config.apiKey } : {}),
      ...Object.fromEntries(Object.entries(config.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value])),
    }
  }

  /** Sends a Messages request and gives the response as it is. Throws the SDK's error for a refusal. */
  openStream(body: MessagesBody, signal: AbortSignal): Promise<Response> {
    return this.post('/v1/messages', { body, signal, stream: true }).asResponse()
  }

  /** Else the SDK looks for credentials in files. */
  protected override _shouldResolveDefaultCredentials(): boolean {
    return false
  }

  protected override async prepareRequest(
    request: Parameters<Anthropic['prepareRequest']>[0],
    { options }: Parameters<Anthropic['prepareRequest']>[1],
  ): Promise<void> {
    const headers = new Headers({ accept: 'application/json', ...this.#headers })
    if (options.body !== undefined) headers.set('content-type', 'application/json')
    if (bindsBlocks(options.body)) headers.append('anthropic-beta', blockBindingBeta)
    request.headers = headers
  }
}

function bindsBlocks(body: unknown): boolean {
  const { thinking } = (body ?? {}) as Partial<MessagesBody>
  return thinking !== undefined && 'block_binding' in thinking
}
