import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type JWK, type JWTHeaderParameters, type JWTPayload, SignJWT } from 'jose'

export interface ServiceKey {
  readonly kid: string
  readonly alg: 'EdDSA' | 'ES256' | 'RS256'
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

/** Another service's login: it has keys, publishes them, and signs tokens. */
export interface TokenService extends AsyncDisposable {
  readonly url: string
  readonly issuer: string
  readonly audience: string
  readonly keys: readonly ServiceKey[]
  /** How often the key set was asked for. */
  readonly requests: number
  /** What is answered from now on; null: the keys. */
  answer: ((response: ServerResponse) => void) | null
  /** Adds a key to those that are published. */
  addKey(alg: ServiceKey['alg'], kid: string): ServiceKey
  /** A good token of `sub`, unless the claims or the header say otherwise; undefined leaves a claim out. */
  sign(claims: JWTPayload, key?: ServiceKey, header?: Partial<JWTHeaderParameters>): Promise<string>
}

export async function startTokenService(): Promise<TokenService> {
  const keys: ServiceKey[] = []
  let requests = 0
  const server = createServer((_request, response) => {
    requests += 1
    if (service.answer) return service.answer(response)
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ keys: keys.map(publicJwk) }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const service: TokenService = {
    url: `${origin}/jwks`,
    issuer: 'https://login.example.com',
    audience: 'parley-test',
    keys,
    get requests() {
      return requests
    },
    answer: null,
    addKey(alg, kid) {
      const key = makeKey(alg, kid)
      keys.push(key)
      return key
    },
    async sign(claims, key = keys[0], header = {}) {
      if (key === undefined) throw new Error('the service has no key')
      return new SignJWT(withDefaults(claims, service))
        .setProtectedHeader({ alg: key.alg, kid: key.kid, ...header })
        .sign(key.privateKey, { crit: { 'urn:example': true } })
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  service.addKey('EdDSA', 'first')
  return service
}

/** Claims of a token that is good for five minutes, with those given laid over them. */
export function withDefaults(
  claims: JWTPayload,
  { issuer, audience }: Pick<TokenService, 'issuer' | 'audience'>,
): JWTPayload {
  const exp = Math.floor(Date.now() / 1_000) + 300
  const all = { iss: issuer, aud: audience, exp, ...claims }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}

/** A key that is published nowhere. */
export function makeKey(alg: ServiceKey['alg'], kid: string): ServiceKey {
  return { kid, alg, ...keyPairOf(alg) }
}

export function publicJwk({ publicKey, kid, alg }: ServiceKey): JWK {
  return { ...publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' }
}

function keyPairOf(alg: ServiceKey['alg']): { privateKey: KeyObject; publicKey: KeyObject } {
  switch (alg) {
    case 'EdDSA':
      return generateKeyPairSync('ed25519')
    case 'ES256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' })
    case 'RS256':
      return generateKeyPairSync('rsa', { modulusLength: 2048 })
  }
}
