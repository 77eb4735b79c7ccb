import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createConfig } from '../src/platform/config/load.ts'
import { isInNetwork, parseNetwork } from '../src/platform/networks.ts'
import { expectUnknown, type Header, proxyConfig, proxySecret as secret } from './support/proxied.ts'
import { startTestServer, type TestServer } from './support/server.ts'
import { send, transports, whoIs } from './support/who.ts'

/** Believes loopback peers that have the secret. */
let guarded: TestServer

beforeAll(async () => {
  guarded = await startTestServer({ config: proxyConfig({ secret }) })
})
afterAll(() => guarded?.[Symbol.asyncDispose]())

describe('a secret', () => {
  const good: Header = ['X-Proxy-Secret', secret]

  test.each(transports)('that is sent along lets its user in, and without it nobody: over %s', async (transport) => {
    const id: Header = ['X-User-ID', 'alice']
    expect(await whoIs(guarded, transport, { headers: [id, good] })).toMatchObject({ username: 'alice' })
    const wrong: Header[][] = [
      [],
      [['X-Proxy-Secret', '']],
      [['X-Proxy-Secret', secret.slice(0, -1)]],
      [['X-Proxy-Secret', `${secret}x`]],
      [['X-Proxy-Secret', secret.toLowerCase()]],
      [['X-Proxy-Secret', 'x'.repeat(10_240)]],
      [good, good],
      [['X_Proxy_Secret', secret]],
    ]
    for (const headers of wrong) await expectUnknown(guarded, transport, { headers: [id, ...headers] })
  })

  test('is not in the log', async () => {
    await whoIs(guarded, 'http', {
      headers: [
        ['X-User-ID', 'alice'],
        ['X-Proxy-Secret', `${secret}x`],
      ],
    })
    const warnings = guarded.logLines.filter(({ msg }) => msg === 'nobody is let in by these headers')
    expect(warnings.length).toBeGreaterThan(0)
    expect(JSON.stringify(guarded.logLines)).not.toContain(secret)
  })
})

describe('a peer that is not trusted', () => {
  test('is whom it says in no way, whatever X-Forwarded-For and the secret are', async () => {
    const config = proxyConfig({ trustedAddresses: ['10.0.0.0/8', '2001:db8::/32'], secret }, { trustProxy: true })
    await using distant = await startTestServer({ config })
    const headers: Header[] = [
      ['X-User-ID', 'alice'],
      ['X-Proxy-Secret', secret],
      ['X-Forwarded-For', '10.0.0.1'],
      ['X-Real-IP', '10.0.0.1'],
      ['Forwarded', 'for=10.0.0.1'],
    ]
    for (const transport of transports) await expectUnknown(distant, transport, { headers })
  })

  test('is told from one that is, over IPv4 and over a socket for both', async () => {
    for (const host of ['127.0.0.1', '::']) {
      await using both = await startTestServer({ config: proxyConfig({ trustedAddresses: ['127.0.0.1'] }, { host }) })
      const url = `http://127.0.0.1:${both.app.server.port}/graphql`
      expect((await send(url, 'application/json', [['X-User-ID', 'alice']])).status).toBe(200)
    }
  })

  test.each([
    ['127.0.0.1', '127.0.0.1', true],
    ['127.0.0.1', '::ffff:127.0.0.1', true],
    ['::ffff:127.0.0.1', '127.0.0.1', true],
    ['::ffff:10.0.0.0/104', '10.9.8.7', true],
    ['10.1.0.0/16', '10.1.255.255', true],
    ['10.1.0.0/16', '10.2.0.0', false],
    ['10.1.0.0/16', '::ffff:10.2.0.0', false],
    ['2001:db8::/32', '2001:db8:1::1', true],
    ['2001:db8::/32', '2001:db9::1', false],
    ['fe80::/10', 'fe80::1%eth0', true],
    ['::1', '127.0.0.1', false],
    ['127.0.0.1', '::1', false],
    ['10.0.0.0/8', undefined, false],
    ['10.0.0.0/8', 'socket', false],
  ])('in %s, is %s: %s', (network, address, isInside) => {
    const parsed = parseNetwork(network)
    expect(parsed !== null && isInNetwork(parsed, address)).toBe(isInside)
  })
})

describe('without addresses and secret', () => {
  test('the server does not start where others could reach it, and says which keys it wants', async () => {
    for (const host of ['0.0.0.0', '::']) {
      const start = startTestServer({ config: proxyConfig({}, { host }) })
      await expect(start).rejects.toThrow(/auth\.proxy\.trustedAddresses .*auth\.proxy\.secret /s)
    }
  })

  test('on the loopback address, it answers to names of this machine and of publicUrl, and to no other', async () => {
    await using local = await startTestServer({ config: proxyConfig({}, { publicUrl: 'https://chat.example.com' }) })
    const askAt = (host: string) =>
      send(`http://127.0.0.1:${local.app.server.port}/graphql`, 'application/json', [
        ['X-User-ID', 'alice'],
        ['Host', host],
      ]).then(({ status }) => status)
    expect(await askAt('127.0.0.1:4000')).toBe(200)
    expect(await askAt('localhost')).toBe(200)
    expect(await askAt('chat.example.com')).toBe(200)
    expect(await askAt('rebound.example.net')).toBe(401)
  })
})

test.each([
  'proxy.example.com',
  '127.1',
  '0x7f000001',
  '0.0.0.0/0',
  '::/0',
  '10.0.0.0/33',
  '10.0.0.0/8/8',
  '10.0.0.0/',
])('what is no address, or all of them, is a problem of the configuration: %s', (address) => {
  expect(() => createConfig(proxyConfig({ trustedAddresses: [address] }))).toThrow(/auth\.proxy\.trustedAddresses\[0\]/)
})
