import type { Logger } from 'pino'
import { messageOf } from '../platform/errors.ts'
import type { ModelDescription, Provider } from './provider.ts'
import { ProviderError } from './provider-error.ts'

/** How long a provider may take to list its models, and how old the list may get, in milliseconds. */
const timeoutMs = 5_000
const refreshMs = 300_000
/** How soon a provider is asked again that did not list its models. */
const failedMs = 30_000
/** Who asks for a model that is in no list makes the list be fetched again, but not more often than this. */
const retryMs = 10_000

/** What models a provider offers: asked in the background, from its creation until its disposal. */
export class ModelDiscovery implements AsyncDisposable {
  /** As of the last time that the provider answered; null where it never did. */
  models: readonly ModelDescription[] | null = null
  readonly #provider: Pick<Provider, 'id' | 'listModels'>
  readonly #log: Pick<Logger, 'debug'>
  readonly #end = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #pending: Promise<void> | undefined
  #fetchedAt = 0

  constructor(provider: Pick<Provider, 'id' | 'listModels'>, log: Pick<Logger, 'debug'>) {
    this.#provider = provider
    this.#log = log
    void this.#fetch()
  }

  /** Resolves when the first list is there or has failed: five seconds at most. Never rejects. */
  async ready(): Promise<void> {
    if (this.#fetchedAt === 0) await this.#fetch()
  }

  /** Resolves when a fetch that is under way is over, or, where the last is some time ago, a new one. Never rejects. */
  async refresh(): Promise<void> {
    if (this.#pending || performance.now() - this.#fetchedAt > retryMs) await this.#fetch()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort()
    await this.#pending
    clearTimeout(this.#timer)
  }

  #fetch(): Promise<void> {
    this.#pending ??= this.#list().then((listed) => {
      this.#pending = undefined
      this.#fetchedAt = performance.now()
      clearTimeout(this.#timer)
      if (!this.#end.signal.aborted)
        this.#timer = setTimeout(() => void this.#fetch(), listed ? refreshMs : failedMs).unref()
    })
    return this.#pending
  }

  /** Whether the provider answered. Never rejects. */
  async #list(): Promise<boolean> {
    if (this.#end.signal.aborted) return false
    const timeout = AbortSignal.timeout(timeoutMs)
    try {
      this.models = await this.#provider.listModels(AbortSignal.any([timeout, this.#end.signal]))
      return true
    } catch (error) {
      if (!this.#end.signal.aborted) {
        const cause = error instanceof ProviderError ? messageOf(error.cause ?? error) : messageOf(error)
        this.#log.debug({ providerId: this.#provider.id, error: cause }, 'the provider did not list its models')
      }
      return false
    }
  }
}
