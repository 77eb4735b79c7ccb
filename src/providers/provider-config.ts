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
  /** How often a request that fails is tried again, before its answer begins. */
  readonly maxRetries: number
  /** For kinds that can: the API keeps the conversation, and gets what is new of it only. */
  readonly keepsConversations?: boolean | undefined
  /** Who asks, where there are several: their load is balanced. Without any, the provider's own fields are the account. */
  readonly accounts?: readonly AccountConfig[] | undefined
}

/** What one account has of its own; what it leaves out is the provider's, and its headers are added to those. */
export interface AccountConfig {
  /** For logs, metrics and `Provider.error`; without one, its number from 1 stands for it. */
  readonly name?: string | undefined
  readonly apiKey?: string | undefined
  readonly baseUrl?: string | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** How much of the load it takes beside the others; above 0. */
  readonly weight: number
}

export interface ModelConfig {
  /** The provider's own name of the model. */
  readonly name: string
  /** Tokens; null where it is not known. */
  readonly contextWindow: number | null
}
