import type { Logger } from 'pino'
import { createAnthropicProvider } from './anthropic.ts'
import { createDemoProvider } from './demo.ts'
import { createGeminiProvider } from './gemini.ts'
import { createOllamaProvider } from './ollama.ts'
import { createOpenAIProvider } from './openai.ts'
import { createOpenAIResponsesProvider } from './openai-responses.ts'
import type { Provider } from './provider.ts'
import type { ProviderConfig } from './provider-config.ts'

/** What a provider is given beside its configuration. */
export interface KindDependencies {
  readonly log: Logger
  /** What it makes its requests with: it reaches what this provider may reach. */
  readonly fetch: typeof fetch
}

/** Makes a provider of one kind for one account. */
export type Kind = (config: ProviderConfig, dependencies: KindDependencies) => Provider

/** Every kind of provider: a new one is its file and its line here. */
export const kinds: Readonly<Record<string, Kind>> = {
  openai: createOpenAIProvider,
  'openai-responses': createOpenAIResponsesProvider,
  anthropic: createAnthropicProvider,
  gemini: createGeminiProvider,
  ollama: createOllamaProvider,
  demo: createDemoProvider,
}
