import ipaddr from 'ipaddr.js'
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import { RequestError } from '../platform/errors.ts'

/** How often signing in may fail in `windowSeconds`. */
export interface LoginLimitsConfig {
  readonly failuresOfUser: number
  readonly failuresOfAddress: number
  readonly windowSeconds: number
}

/** An attempt counts as a failure unless it is told that it was none: attempts at the same time cannot pass the limit. */
export interface LoginAttempt {
  succeeded(): Promise<void>
}

export interface LoginLimits {
  /**
   * Before a password is looked at. `subject` is null for a name that can be nobody's. RATE_LIMITED with
   * `retryAfterSeconds`, also where the password would be right: else guessing could go on.
   */
  attempt(subject: string | null, clientAddress: string | undefined): Promise<LoginAttempt>
}

const byDefault: LoginLimitsConfig = { failuresOfUser: 10, failuresOfAddress: 50, windowSeconds: 15 * 60 }

/** Counts in this process. Names that nobody has count as others do. */
export function createLoginLimits(config: LoginLimitsConfig = byDefault): LoginLimits {
  const duration = config.windowSeconds
  const users = new RateLimiterMemory({ keyPrefix: 'user', points: config.failuresOfUser, duration })
  const addresses = new RateLimiterMemory({ keyPrefix: 'address', points: config.failuresOfAddress, duration })
  return {
    async attempt(subject, clientAddress) {
      const network = networkOf(clientAddress)
      await consume(addresses, network)
      if (subject !== null) await consume(users, subject)
      return {
        async succeeded() {
          if (subject !== null) await users.delete(subject)
          await addresses.reward(network)
        },
      }
    },
  }
}

async function consume(limiter: RateLimiterMemory, key: string): Promise<void> {
  try {
    await limiter.consume(key)
  } catch (error) {
    if (!(error instanceof RateLimiterRes)) throw error
    const retryAfterSeconds = Math.max(1, Math.ceil(error.msBeforeNext / 1_000))
    throw new RequestError('RATE_LIMITED', `Signing in failed too often. Try again in ${retryAfterSeconds} seconds.`, {
      details: { retryAfterSeconds },
    })
  }
}

/** What one client can have as its own: an IPv4 address, or the first 64 bits of an IPv6 address. */
export function networkOf(address: string | undefined): string {
  // Some proxies write the port too.
  const text = address?.replace(/^\[(.*)\](?::\d+)?$/, '$1').replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, '$1') ?? ''
  if (!ipaddr.isValid(text)) return 'unknown'
  const parsed = ipaddr.process(text)
  if (parsed instanceof ipaddr.IPv6)
    return `${parsed.parts
      .slice(0, 4)
      .map((part) => part.toString(16))
      .join(':')}::/64`
  return parsed.toString()
}
