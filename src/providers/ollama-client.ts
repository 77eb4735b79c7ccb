import { isJsonObject } from '../platform/json.ts'
import { malformedError } from './failures.ts'
import type { KindDependencies } from './kinds.ts'
import type { ProviderConfig } from './provider-config.ts'
import { ProviderError } from './provider-error.ts'

/**
 * Requests to an Ollama server. The `ollama` package gives the types and no more: its own client takes no signal for
 * what it does not stream, takes a key from the environment, and writes to the console.
 */
export interface OllamaClient {
  /** Sends a request, such as to `chat`, and gives the response as it is. */
  send(path: string, body: object | null, signal: AbortSignal): Promise<Response>
  /** The object that the server answers with. Throws an `OllamaRefusal`, or a `ProviderError`. */
  ask(path: string, body: object | null, signal: AbortSignal): Promise<Record<string, unknown>>
}

/** A status other than 2xx, in the form that `toProviderError` reads. */
export class OllamaRefusal extends Error {
  readonly status: number
  readonly error: unknown
  readonly headers: Headers

  constructor({ status, headers }: Response, error: unknown) {
    super(`status ${status}`)
    this.status = status
    this.error = error
    this.headers = headers
  }
}

/** `origin`: see `ollamaOrigin`. */
export function createOllamaClient(
  config: ProviderConfig,
  origin: string,
  { fetch }: Pick<KindDependencies, 'fetch'>,
): OllamaClient {
  const headers = new Headers({ accept: 'application/json, application/x-ndjson', 'content-type': 'application/json' })
  // Ollama itself knows no keys; ollama.com and the proxies before a server do.
  if (config.apiKey) headers.set('authorization', `Bearer ${config.apiKey}`)
  for (const [name, value] of Object.entries(config.headers ?? {})) headers.set(name, value)

  async function send(path: string, body: object | null, signal: AbortSignal): Promise<Response> {
    const request = body === null ? { method: 'GET' } : { method: 'POST', body: JSON.stringify(body) }
    return fetch(`${origin}/api/${path}`, { ...request, headers, signal })
  }

  return {
    send,
    async ask(path, body, signal) {
      const response = await send(path, body, signal)
      const text = await response.text()
      const answer = parseObject(text)
      if (!response.ok) throw new OllamaRefusal(response, answer?.error ?? text)
      if (!answer) throw malformedError('it is no JSON object')
      return answer
    },
  }
}

/** Where the API's `/api/…` begins: people also give the address of `/api` itself, or of what speaks OpenAI's protocol. */
export function ollamaOrigin(baseUrl: string): string {
  const url = baseUrl.replace(/\/+$/, '')
  return url.replace(/\/+(?:api|v1)$/, '')
}

/** The refusal of a model that the server does not have, in words that help; null for every other. */
export function notPulled(model: string, status: number, error: unknown): ProviderError | null {
  if (status !== 404 || typeof error !== 'string' || !/\bmodel\b.*\bnot found\b/i.test(error)) return null
  return new ProviderError('PROVIDER_ERROR', `The model ${model} is not pulled; run \`ollama pull ${model}\`.`, {
    retryable: false,
  })
}

export function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isJsonObject(value) ? value : undefined
  } catch {
    return undefined
  }
}
