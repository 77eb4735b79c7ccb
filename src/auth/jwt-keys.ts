import { createRemoteJWKSet, customFetch, type FetchImplementation, type RemoteJWKSet } from 'jose'
import { z } from 'zod'
import { messageOf, RequestError } from '../platform/errors.ts'
import type { Log } from '../platform/log.ts'
import { createOutboundFetch } from '../platform/outbound-fetch.ts'

export interface KeySetOptions {
  readonly url: string
  readonly log: Log
  /** The times below, where a test cannot wait for them. */
  readonly times?: Partial<KeySetTimes>
}

/** In milliseconds. */
export interface KeySetTimes {
  /** What one request for the keys may take. */
  readonly timeoutMs: number
  /** Older keys are asked for again. */
  readonly freshMs: number
  /** While the service is away, keys that are no older than this are gone on with. */
  readonly staleMs: number
  /** How long to wait after a request, good or not, before a key that is not there makes another one. */
  readonly cooldownMs: number
  readonly retryMs: number
}

const defaultTimes: KeySetTimes = {
  timeoutMs: 5_000,
  freshMs: 10 * 60_000,
  staleMs: 24 * 60 * 60_000,
  cooldownMs: 30_000,
  retryMs: 5_000,
}

/** A key set of some keys has a few KB. */
const maxKeySetBytes = 256 * 1024

/** Finds the key that a token's header asks for, as `jwtVerify` wants it. */
export type KeyOfToken = (...token: Parameters<RemoteJWKSet>) => ReturnType<RemoteJWKSet>

/**
 * The keys that another service publishes at one address, which is the only one that is ever asked: no header of a token
 * (`jku`, `x5u`, `kid`) leads elsewhere, and redirects are not followed. They are asked for at the first token, again
 * when they are ten minutes old, and when a token names one that is not there; while the service is away, those of the
 * last day are gone on with. What is returned throws PROVIDER_UNAVAILABLE where there are none to go on with.
 */
export function createKeySet({ url, log, times }: KeySetOptions): KeyOfToken {
  const { timeoutMs, freshMs, staleMs, cooldownMs, retryMs } = { ...defaultTimes, ...times }
  let fetchedAt = Number.NEGATIVE_INFINITY
  let failedAt = Number.NEGATIVE_INFINITY

  const fetchWhole = createOutboundFetch({ guard: null, maxBytes: maxKeySetBytes, timeoutMs, maxRedirects: 0 })
  const fetchKeys: FetchImplementation = async (address, init) => {
    if (Date.now() < failedAt + retryMs) throw new KeysUnavailable('they were asked for a moment ago')
    try {
      const response = await fetchWhole(address, init)
      if (response.status !== 200) throw new Error(`the answer's status is ${response.status}`)
      const keySet = keySetSchema.parse(await response.json())
      fetchedAt = Date.now()
      return Response.json(keySet)
    } catch (error) {
      failedAt = Date.now()
      log.error({ err: error, from: withoutQuery(url) }, 'the keys that tokens are checked with could not be fetched')
      throw new KeysUnavailable(messageOf(error), { cause: error })
    }
  }
  const keys = createRemoteJWKSet(new URL(url), {
    timeoutDuration: timeoutMs,
    cooldownDuration: cooldownMs,
    // Their age is watched here: past its own limit, jose would not go on with them while the service is away.
    cacheMaxAge: Number.POSITIVE_INFINITY,
    [customFetch]: fetchKeys,
  })

  async function refresh(): Promise<void> {
    const age = Date.now() - fetchedAt
    if (age > staleMs) return keys.reload()
    if (age <= freshMs) return
    const reloading = keys.reload().catch(() => {})
    // While the service is away, nobody waits for it to come back.
    if (failedAt < fetchedAt) await reloading
  }

  return async (header, token) => {
    try {
      await refresh()
      return await keys(header, token)
    } catch (error) {
      throw error instanceof KeysUnavailable ? unavailable(error) : error
    }
  }
}

/** Each key is looked at when it is used. */
const keySetSchema = z.looseObject({ keys: z.array(z.looseObject({})) })

/** The service did not answer, or not with keys. */
class KeysUnavailable extends Error {
  override readonly name = 'KeysUnavailable'
}

function unavailable(cause: unknown): RequestError {
  const problem = 'Nobody can be let in now: the keys of the service that signs tokens cannot be had. Try again later.'
  return new RequestError('PROVIDER_UNAVAILABLE', problem, { cause })
}

/** A query may hold a secret. */
function withoutQuery(url: string): string {
  const { origin, pathname } = new URL(url)
  return `${origin}${pathname}`
}
