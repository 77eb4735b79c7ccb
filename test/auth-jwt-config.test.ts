import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ConfigPlaces } from './support/config-places.ts'

const secret = 'q9Jv2mXw7Lr4Tz8Kc1Hn5Bs3Fd6Gp0Ya'
const jwksUrl = 'https://login.example.com/api/auth/jwks'
const pinned = { PARLEY_AUTH_JWT_ISSUER: 'https://login.example.com', PARLEY_AUTH_JWT_AUDIENCE: 'parley' }

let places: ConfigPlaces
beforeEach(() => {
  places = new ConfigPlaces()
})
afterEach(() => places[Symbol.dispose]())

const problemsWith = (env: Record<string, string>) =>
  places.problemsOf({ env: { PARLEY_AUTH_MODE: 'jwt', ...env } }).map(({ key, message }) => `${key}: ${message}`)

describe('mode `jwt` does not start', () => {
  test('without a secret or a key set, an issuer and an audience: all is said at once', () => {
    expect(problemsWith({})).toEqual([
      expect.stringMatching(/^auth\.jwt\.secret: missing; .*auth\.jwt\.jwksUrl$/),
      expect.stringMatching(/^auth\.jwt\.issuer: missing; .*\* for any$/),
      expect.stringMatching(/^auth\.jwt\.audience: missing; .*\* for any$/),
    ])
  })

  test('with a secret and a key set', () => {
    const found = problemsWith({ ...pinned, PARLEY_AUTH_JWT_SECRET: secret, PARLEY_AUTH_JWT_JWKS_URL: jwksUrl })
    expect(found).toEqual([expect.stringMatching(/^auth\.jwt\.jwksUrl: excludes auth\.jwt\.secret/)])
  })

  test.each([
    ['31 bytes', secret.slice(1)],
    ['a default', 'better-auth-secret-123456789012345'],
    ['a guide’s words', 'your-256-bit-secret-change-me-please'],
    ['one character', 'a'.repeat(64)],
    ['a repetition', 'correcthorse1'.repeat(4)],
  ])('with a secret that others could guess: %s', (_what, guessable) => {
    const found = problemsWith({ ...pinned, PARLEY_AUTH_JWT_SECRET: guessable })
    expect(found).toEqual([expect.stringMatching(/^auth\.jwt\.secret: .*openssl rand/)])
    expect(found.join()).not.toContain(guessable)
  })

  test('with an algorithm that is not for its kind of key, or none at all', () => {
    const withKeySet = { ...pinned, PARLEY_AUTH_JWT_JWKS_URL: jwksUrl }
    const withSecret = { ...pinned, PARLEY_AUTH_JWT_SECRET: secret }
    const wrong = [
      { ...withKeySet, PARLEY_AUTH_JWT_ALGORITHMS: 'EdDSA,HS256' },
      { ...withSecret, PARLEY_AUTH_JWT_ALGORITHMS: 'HS256,RS256' },
    ]
    for (const env of wrong)
      expect(problemsWith(env)).toEqual([expect.stringMatching(/^auth\.jwt\.algorithms\[1\]: is for/)])
    const none = problemsWith({ ...withSecret, PARLEY_AUTH_JWT_ALGORITHMS: 'none' })
    expect(none).toEqual([expect.stringMatching(/^auth\.jwt\.algorithms\[0\]: expected one of/)])
  })
})

describe('BETTER_AUTH_SECRET', () => {
  const env = { ...pinned, BETTER_AUTH_SECRET: secret }
  const secretIn = (more: Record<string, string>) => places.configOf({ env: { ...env, ...more } }).auth.jwt.secret

  test('is the secret of mode `jwt`', () => {
    expect(secretIn({ PARLEY_AUTH_MODE: 'jwt' })).toBe(secret)
  })

  test('gives way to the key’s own name', () => {
    const own = 'Zk4Wb9Tq2Nx7Rm5Vc8Yh3Ls6Pd1Gf0Je'
    expect(secretIn({ PARLEY_AUTH_MODE: 'jwt', PARLEY_AUTH_JWT_SECRET: own })).toBe(own)
  })

  test('signs nothing in other modes, and is no secret beside a key set', () => {
    expect(secretIn({ PARLEY_AUTH_MODE: 'accounts' })).toBeUndefined()
    expect(secretIn({})).toBeUndefined()
    expect(secretIn({ PARLEY_AUTH_MODE: 'jwt', PARLEY_AUTH_JWT_JWKS_URL: jwksUrl })).toBeUndefined()
  })
})

test('a new secret of the command that is shown is always good', () => {
  for (let index = 0; index < 200; index++) {
    for (const encoding of ['base64', 'hex'] as const) {
      const made = randomBytes(index % 2 === 0 ? 32 : 48).toString(encoding)
      expect(problemsWith({ ...pinned, PARLEY_AUTH_JWT_SECRET: made })).toEqual([])
    }
  }
})
