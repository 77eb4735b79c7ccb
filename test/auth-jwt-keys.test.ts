import { jwtVerify } from 'jose'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createKeySet, type KeyOfToken, type KeySetTimes } from '../src/auth/jwt-keys.ts'
import { silentLog } from './support/database.ts'
import { makeKey, type ServiceKey, startTokenService, type TokenService } from './support/token-service.ts'

let service: TokenService
beforeEach(async () => {
  service = await startTokenService()
})
afterEach(() => service[Symbol.asyncDispose]())

const keySet = (times: Partial<KeySetTimes> = {}) => createKeySet({ url: service.url, log: silentLog, times })
const away = () => {
  service.answer = (response) => response.destroy()
}

/** `good`, or the code of why not. */
async function check(keyOf: KeyOfToken, key?: ServiceKey): Promise<unknown> {
  const token = await service.sign({ sub: 'somebody' }, key)
  return jwtVerify(token, keyOf).then(
    () => 'good',
    (error: { code: unknown }) => error.code,
  )
}

describe('the keys of another service', () => {
  test('are asked for once, however many tokens come at the same time', async () => {
    const keyOf = keySet()
    const checks = await Promise.all(Array.from({ length: 50 }, () => check(keyOf)))
    expect(new Set(checks)).toEqual(new Set(['good']))
    expect(service.requests).toBe(1)
  })

  test('are asked for again where a token names one that was added', async () => {
    const keyOf = keySet({ cooldownMs: 0 })
    expect(await check(keyOf)).toBe('good')
    expect(await check(keyOf, service.addKey('ES256', 'added'))).toBe('good')
    expect(service.requests).toBe(2)
  })

  test('are not asked for again by one foreign key after another', async () => {
    const keyOf = keySet()
    for (let index = 0; index < 20; index++) {
      expect(await check(keyOf, makeKey('EdDSA', `foreign-${index}`))).toBe('ERR_JWKS_NO_MATCHING_KEY')
    }
    expect(service.requests).toBe(1)
  })

  test('are no longer good when the service has taken them back, once they are old', async () => {
    const keyOf = keySet({ freshMs: 0 })
    const [leaked] = service.keys
    expect(await check(keyOf, leaked)).toBe('good')
    service.addKey('EdDSA', 'next')
    const published = service.keys.slice(1)
    service.answer = (response) =>
      response.end(
        JSON.stringify({
          keys: published.map(({ publicKey, kid, alg }) => ({ ...publicKey.export({ format: 'jwk' }), kid, alg })),
        }),
      )
    // Keys are as old as a millisecond at the least.
    const start = Date.now()
    while (Date.now() <= start + 1) await new Promise(setImmediate)
    expect(await check(keyOf, leaked)).toBe('ERR_JWKS_NO_MATCHING_KEY')
  })

  test('are gone on with while the service is away, and good tokens do not wait for it', async () => {
    const keyOf = keySet({ freshMs: 0, retryMs: 0 })
    expect(await check(keyOf)).toBe('good')
    away()
    for (let index = 0; index < 10; index++) expect(await check(keyOf)).toBe('good')
    expect(await check(keyOf, makeKey('EdDSA', 'foreign'))).not.toBe('good')
  })

  test('are not gone on with for ever', async () => {
    const keyOf = keySet({ staleMs: -1 })
    expect(await check(keyOf)).toBe('good')
    away()
    expect(await check(keyOf)).toBe('PROVIDER_UNAVAILABLE')
  })

  test('that cannot be had are asked for again after a while, and not by each token', async () => {
    away()
    const patient = keySet()
    for (let index = 0; index < 10; index++) expect(await check(patient)).toBe('PROVIDER_UNAVAILABLE')
    expect(service.requests).toBe(1)
    const eager = keySet({ retryMs: 0 })
    expect(await check(eager)).toBe('PROVIDER_UNAVAILABLE')
    service.answer = null
    expect(await check(eager)).toBe('good')
  })

  const answers: readonly (readonly [string, number, string])[] = [
    ['a redirect', 302, ''],
    ['an error', 500, '{"keys":[]}'],
    ['a page', 200, '<html>'],
    ['no list', 200, '{"keys":{}}'],
    ['more than 256 KB', 200, JSON.stringify({ keys: [], padding: 'x'.repeat(300_000) })],
  ]
  test.each(answers)('are not had from %s', async (_what, status, body) => {
    await using elsewhere = await startTokenService()
    service.answer = (response) => response.writeHead(status, { location: elsewhere.url }).end(body)
    expect(await check(keySet())).toBe('PROVIDER_UNAVAILABLE')
    expect(elsewhere.requests).toBe(0)
  })

  test('are not waited for longer than the time for them', async () => {
    service.answer = () => {}
    expect(await check(keySet({ timeoutMs: 50 }))).toBe('PROVIDER_UNAVAILABLE')
  })
})
