import type { Logger } from 'pino'
import { messageOf } from '../platform/errors.ts'
import type { ModelDescription, Provider } from './provider.ts'
import { ProviderError } from './provider-error.ts'

/** How long a provider may take to list its models, and how old the list may get, in milliseconds. */
const timeoutMs = 5_000
const refreshMs = 300_000
/** Who asks for a model that is in no list makes the list be fetched again, but not more often than this. */
const retryMs = 10_000

/** What models a provider offers: asked in the background, from its creation until its disposal. */
export class ModelDiscovery implements AsyncDisposable {
  /** As of the last time that the provider answered; null where it never did. */
  models: readonly ModelDescription[] | null = null
  readonly #provider: Provider
  readonly #log: Pick<Logger, 'debug'>
  readonly #end = new AbortController()
  readonly #timer: NodeJS.Timeout
  #pending: Promise<void> | undefined
  #fetchedAt = 0

  constructor(provider: Provider, log: Pick<Logger, 'debug'>) {
    this.#provider = provider
    this.#log = log
    this.#timer = setInterval(() => void this.#fetch(), refreshMs)
    this.#timer.unref()
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
    clearInterval(this.#timer)
    this.#end.abort()
    await this.#pending
  }

  #fetch(): Promise<void> {
    this.#pending ??= this.#list().finally(() => {
      this.#pending = undefined
      this.#fetchedAt = performance.now()
    })
    return this.#pending
  }

  async #list(): Promise<void> {
    if (this.#end.signal.aborted) return
    const timeout = AbortSignal.timeout(timeoutMs)
    try {
      this.models = await this.#provider.listModels(AbortSignal.any([timeout, this.#end.signal]))
    } catch (error) {
      if (this.#end.signal.aborted) return
      const cause = error instanceof ProviderError ? messageOf(error.cause ?? error) : messageOf(error)
      this.#log.debug({ providerId: this.#provider.id, error: cause }, 'the provider did not list its models')
    }
  }
}
