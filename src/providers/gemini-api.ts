import { type FailureReader, malformedError, toProviderError } from './failures.ts'
import { parseGeminiRefusal } from './gemini-refusal.ts'
import type { KindDependencies } from './kinds.ts'
import type { ProviderConfig } from './provider-config.ts'
import { secretsOf } from './secrets.ts'

const officialUrl = 'https://generativelanguage.googleapis.com'

/** One account of the Gemini API, over HTTP. */
export interface GeminiApi {
  readonly failures: FailureReader
  /** Sends a request, and a body where there is one, as POST. `path` stands below the API's version. */
  send(path: string, body: unknown, signal: AbortSignal): Promise<Response>
  /** What `send` brings, as JSON. Throws a `ProviderError` for a refusal and for what is no JSON. */
  json(path: string, body: unknown, signal: AbortSignal): Promise<unknown>
}

/**
 * The SDK's types, and not its client: that reads keys and addresses from the environment even where it is given them,
 * writes warnings to the console, and makes of a refusal a sentence, without the details that tell a spent quota from
 * a full minute and say how long to wait.
 */
export function createGeminiApi(config: ProviderConfig, { fetch }: Pick<KindDependencies, 'fetch'>): GeminiApi {
  const base = (config.baseUrl ?? officialUrl).replace(/\/+$/, '')
  const root = /\/v\d+(?:alpha|beta)?\d*$/.test(base) ? base : `${base}/v1beta`
  const failures: FailureReader = { secrets: secretsOf(config, base), parse: parseGeminiRefusal }

  const send: GeminiApi['send'] = (path, body, signal) => {
    const headers = new Headers(config.apiKey ? { 'x-goog-api-key': config.apiKey } : {})
    for (const [name, value] of Object.entries(config.headers ?? {})) headers.set(name, value)
    if (body === undefined) return fetch(`${root}/${path}`, { headers, signal })
    headers.set('content-type', 'application/json')
    return fetch(`${root}/${path}`, { method: 'POST', headers, body: JSON.stringify(body), signal })
  }

  return {
    failures,
    send,
    async json(path, body, signal) {
      const response = await send(path, body, signal)
      const text = await response.text()
      if (!response.ok)
        throw toProviderError({ status: response.status, error: text, headers: response.headers }, failures)
      try {
        return JSON.parse(text)
      } catch (cause) {
        throw malformedError('it is no JSON', cause)
      }
    },
  }
}
