import { createHash, timingSafeEqual } from 'node:crypto'
import type { PrismaClient } from '../database/generated/client.ts'
import type { Config } from '../platform/config/schema.ts'
import { RequestError, StartError } from '../platform/errors.ts'
import type { Log } from '../platform/log.ts'
import { isInNetwork, parseNetwork } from '../platform/networks.ts'
import type { Authenticator } from './authenticator.ts'
import { headerValues } from './header-values.ts'
import { isLoopbackHost } from './local.ts'
import { HeaderProblem, proxyUserOf } from './proxy-headers.ts'
import type { RequestFacts } from './request-facts.ts'
import { openSession, revalidateSeen } from './seen-sessions.ts'
import { createSeenUsers } from './seen-users.ts'

export interface ProxyAuthenticatorOptions {
  readonly config: Config['auth']['proxy']
  readonly trustProblem: TrustProblem
  readonly database: PrismaClient
  readonly log: Log
}

/**
 * Mode `proxy`: a proxy in front has signed the user in, and says in headers who it is. They are believed from its
 * addresses, and with its secret where there is one; nothing in a body or in `connectionParams` counts, and there is no
 * user by default.
 */
export function createProxyAuthenticator({
  config,
  trustProblem,
  database,
  log,
}: ProxyAuthenticatorOptions): Authenticator {
  const users = createSeenUsers(database)
  const warn = oncePer(warnEveryMs, (problem: string, remoteAddress: string | undefined) => {
    log.warn({ remoteAddress, problem }, 'nobody is let in by these headers')
  })

  function userOf(request: RequestFacts) {
    const problem = trustProblem(request)
    if (problem !== null) throw new HeaderProblem(problem)
    return proxyUserOf(request, config)
  }

  return {
    async authenticate(request) {
      try {
        return await openSession(users, userOf(request), { expiresAt: null, callerToken: null })
      } catch (error) {
        if (!(error instanceof HeaderProblem)) throw error
        warn(error.message, request.remoteAddress)
        // Whatever is wrong: who it comes from might be a stranger.
        throw new RequestError('UNAUTHENTICATED', 'The proxy in front has not said who you are.', { cause: error })
      }
    },
    revalidate: (sessions) => revalidateSeen(users, sessions),
  }
}

/** A proxy that is set up wrongly fails at every request. */
const warnEveryMs = 10_000

/** Why the headers of a request are not believed, for the log; null where they are. */
export type TrustProblem = (request: RequestFacts) => string | null

/** Whom the headers are believed from. Throws a `StartError` where anybody could send them. */
export function createTrust({
  host,
  publicUrl,
  auth: { proxy },
}: Pick<Config, 'host' | 'publicUrl' | 'auth'>): TrustProblem {
  const { trustedAddresses, secret, secretHeader } = proxy
  const networks = trustedAddresses.map(networkOf)
  if (networks.length === 0 && secret === undefined) {
    requireLoopback(host, secretHeader)
    return localTrust(publicUrl)
  }
  const isSecret = secret === undefined ? null : equals(secret)
  return (request) => {
    if (networks.length > 0 && !networks.some((network) => isInNetwork(network, request.remoteAddress))) {
      return 'the peer is not in auth.proxy.trustedAddresses'
    }
    const [given, second] = headerValues(request, secretHeader)
    if (isSecret !== null && (given === undefined || second !== undefined || !isSecret(given))) {
      return `${secretHeader} does not hold auth.proxy.secret`
    }
    return null
  }
}

/**
 * Without addresses and secret, whoever is on this machine is believed. So is any page in its browser, which can reach
 * the loopback address under a name of its own (DNS rebinding) and send headers: the name gives it away.
 */
function localTrust(publicUrl: string | undefined): TrustProblem {
  const publicHost = publicUrl === undefined ? undefined : new URL(publicUrl).host
  return ({ headers, host }) => {
    const isExpected = [headers.host, host].every((name) => isLoopbackHost(name) || name?.toLowerCase() === publicHost)
    return isExpected ? null : 'the Host is neither of this machine nor of publicUrl; set auth.proxy.trustedAddresses'
  }
}

function requireLoopback(host: string, secretHeader: string): void {
  if (isLoopbackHost(host) || host === '::1') return
  throw new StartError(
    `In the auth mode \`proxy\`, whoever can send its headers is whom they name, and on ${host} anybody can. Set auth.proxy.trustedAddresses (PARLEY_AUTH_PROXY_TRUSTED_ADDRESSES) to the addresses of the proxy, or auth.proxy.secret (PARLEY_AUTH_PROXY_SECRET) to what it sends in ${secretHeader}, or PARLEY_HOST to 127.0.0.1.`,
  )
}

function networkOf(text: string) {
  const network = parseNetwork(text)
  if (network !== null) return network
  throw new StartError('auth.proxy.trustedAddresses holds what is neither an IP address nor a network.')
}

/** In a time that tells nothing of the secret, its length included. */
function equals(secret: string): (given: string) => boolean {
  const digest = (text: string) => createHash('sha256').update(text, 'latin1').digest()
  const expected = digest(secret)
  return (given) => timingSafeEqual(digest(given), expected)
}

/** The function, called at most once in a while; calls between are left out. */
function oncePer<Args extends unknown[]>(intervalMs: number, call: (...args: Args) => void): (...args: Args) => void {
  let last = Number.NEGATIVE_INFINITY
  return (...args) => {
    if (performance.now() < last + intervalMs) return
    last = performance.now()
    call(...args)
  }
}
