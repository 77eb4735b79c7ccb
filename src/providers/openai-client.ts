import { OpenAI } from 'openai'
import type { KindDependencies } from './kinds.ts'
import type { ProviderConfig } from './provider-config.ts'

const officialUrl = 'https://api.openai.com/v1'

/** What is to be known of a server that speaks OpenAI's APIs before it is asked. */
export interface OpenAIServer {
  readonly baseUrl: string
  /** OpenAI's own, which is stricter than others and knows fields that others refuse. */
  readonly official: boolean
  /**
   * It refuses an assistant's tool calls without `reasoning_content`
   * (https://api-docs.deepseek.com/guides/thinking_mode, and Moonshot's likewise).
   */
  readonly insistsOnReasoning: boolean
  /** It refuses ids of calls that are not nine letters and digits (https://docs.mistral.ai). */
  readonly wantsShortCallIds: boolean
}

export function serverOf({ baseUrl = officialUrl }: Pick<ProviderConfig, 'baseUrl'>): OpenAIServer {
  const { hostname } = new URL(baseUrl)
  return {
    baseUrl,
    official: hostname === 'api.openai.com',
    insistsOnReasoning: /(?:^|\.)(?:deepseek\.com|moonshot\.(?:ai|cn))$/.test(hostname),
    wantsShortCallIds: /(?:^|\.)mistral\.ai$/.test(hostname),
  }
}

/** What the SDK would take from the environment is given or forbidden: configuration comes from one place. */
export function createOpenAIClient(
  config: ProviderConfig,
  baseURL: string,
  { fetch }: Pick<KindDependencies, 'fetch'>,
): OpenAI {
  return new OpenAI({
    baseURL,
    // The SDK insists on a key; without one, the header that would carry this word is left out below.
    apiKey: config.apiKey || 'none',
    adminAPIKey: null,
    organization: null,
    project: null,
    webhookSecret: null,
    logLevel: 'off',
    // What is tried again, and where, is decided for all kinds in one place.
    maxRetries: 0,
    timeout: config.timeoutMs,
    fetch,
    defaultHeaders: { ...(config.apiKey ? {} : { authorization: null }), ...config.headers },
  })
}
