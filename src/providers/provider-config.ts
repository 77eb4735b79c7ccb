/** One entry of `providers` in the configuration, checked and complete. */
export interface ProviderConfig {
  /** Unique, without a slash: the first part of its models' ids. */
  readonly id: string
  /** A key of the registry's `kinds`. */
  readonly kind: string
  readonly enabled: boolean
  /** Where the API is; undefined means the kind's own address. */
  readonly baseUrl?: string | undefined
  readonly apiKey?: string | undefined
  /** Added to every request. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Models that are known without asking the provider. */
  readonly models?: readonly ModelConfig[] | undefined
  /** Milliseconds until the response begins. */
  readonly timeoutMs: number
  /** Milliseconds without a byte once it has begun. */
  readonly idleTimeoutMs: number
  /** How often a request that fails is tried again, before its answer begins; all tries together take `timeoutMs`. */
  readonly maxRetries: number
}

export interface ModelConfig {
  /** The provider's own name of the model. */
  readonly name: string
  /** Tokens; null where it is not known. */
  readonly contextWindow: number | null
}
