import { lookup as lookupByName } from 'node:dns'
import { type ClientRequestArgs, Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import type { LookupFunction } from 'node:net'
import type { Duplex } from 'node:stream'
import { isPublicAddress } from './outbound-addresses.ts'
import { hostName, isAddress, isLocalhostName, parseAllowedHost } from './outbound-hosts.ts'
import { OutboundRefusal } from './outbound-refusal.ts'

export interface OutboundRules {
  /** Whether hosts on this machine and in its networks may be connected to. */
  readonly allowPrivateAddresses: boolean
  /** Hosts that may be connected to wherever they are: see `parseAllowedHost`. */
  readonly allowedHosts: readonly string[]
}

/** A connection as an agent makes it, and whom it then tells. */
type Connect = (options: ClientRequestArgs, done?: Done) => Duplex | null | undefined
type Done = (error: Error | null, socket: Duplex) => void

/** As Node's own agents are made. */
const agentOptions = { keepAlive: true, scheduling: 'lifo', timeout: 5_000 } as const

/**
 * Keeps requests out of the networks that only this machine can reach. The address is looked at as the connection is
 * made: the one that was checked is the one that is connected to, and a name that resolves to another address
 * meanwhile gains nothing. Connections are used again among the requests of one guard, and by no others.
 */
export class OutboundGuard implements Disposable {
  readonly #rules: OutboundRules
  readonly #allowedHosts
  readonly #resolve: LookupFunction
  readonly #http: HttpAgent
  readonly #https: HttpsAgent

  /** `resolve` stands in for the system's resolver. Throws a TypeError for an allowed host that is none. */
  constructor(rules: OutboundRules, { resolve = lookupByName }: { readonly resolve?: LookupFunction } = {}) {
    this.#rules = rules
    this.#allowedHosts = rules.allowedHosts.map((text) => {
      const host = parseAllowedHost(text)
      if (host === null) throw new TypeError(`'${text}' is no host`)
      return host
    })
    this.#resolve = resolve
    const guarded = (connect: Connect) => this.#guarded(connect)
    this.#http = new (class extends HttpAgent {
      override createConnection = guarded((options, done) => super.createConnection(options, done))
    })(agentOptions)
    this.#https = new (class extends HttpsAgent {
      override createConnection = guarded((options, done) => super.createConnection(options, done))
    })(agentOptions)
  }

  /**
   * What can be said of a URL before it is asked for. Throws an `OutboundRefusal` for what is not http or https, holds
   * credentials, or names this machine or a private address by itself.
   */
  check(url: URL): void {
    if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new OutboundRefusal('scheme')
    if (url.username !== '' || url.password !== '') throw new OutboundRefusal('credentials')
    const defaultPort = url.protocol === 'https:' ? 443 : 80
    this.#checkHost(url.hostname, url.port === '' ? defaultPort : Number(url.port))
  }

  /** The agent that makes the connections of requests to this URL. */
  agentFor({ protocol }: URL): HttpAgent {
    return protocol === 'https:' ? this.#https : this.#http
  }

  [Symbol.dispose](): void {
    this.#http.destroy()
    this.#https.destroy()
  }

  #guarded(connect: Connect): Connect {
    return (options, done) => {
      const host = options.host ?? ''
      try {
        this.#checkHost(host, Number(options.port))
      } catch (refusal) {
        // There is no socket: Node's types know of none only where there is no error.
        process.nextTick(done as (error: unknown) => void, refusal)
        return undefined
      }
      const isTrusted = this.#isAllowed(host, Number(options.port))
      return connect({ ...options, lookup: isTrusted ? this.#resolve : this.#lookup }, done)
    }
  }

  /** Gives the public addresses alone of those that a name has; an error where there is none. */
  readonly #lookup: LookupFunction = (name, options, done) => {
    this.#resolve(name, { ...options, all: true }, (error, found) => {
      if (error) return done(error, [])
      const open = Array.isArray(found) ? found.filter(({ address }) => isPublicAddress(address)) : []
      const [first] = open
      if (!first) done(new OutboundRefusal('private-address'), [])
      else if (options.all) done(null, open)
      else done(null, first.address, first.family)
    })
  }

  #checkHost(host: string, port: number): void {
    if (this.#isAllowed(host, port)) return
    const name = hostName(host)
    if (isAddress(name) ? !isPublicAddress(name) : isLocalhostName(name)) throw new OutboundRefusal('private-address')
  }

  #isAllowed(host: string, port: number): boolean {
    if (this.#rules.allowPrivateAddresses) return true
    const name = hostName(host)
    return this.#allowedHosts.some((allowed) => allowed.name === name && (allowed.port ?? port) === port)
  }
}
