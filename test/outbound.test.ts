import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo, LookupFunction } from 'node:net'
import { networkInterfaces } from 'node:os'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createOutboundFetch } from '../src/platform/outbound-fetch.ts'
import { OutboundGuard, type OutboundRules } from '../src/platform/outbound-guard.ts'
import { OutboundRefusal } from '../src/platform/outbound-refusal.ts'
import { createHttpFetch } from '../src/providers/http-fetch.ts'
import { type Canary, startCanary, watchAttempts } from './support/canary.ts'
import { inwardHosts, ownHosts } from './support/private-hosts.ts'

const resources = new AsyncDisposableStack()
let canary: Canary

beforeAll(async () => {
  canary = resources.use(await startCanary())
})
afterAll(() => resources.disposeAsync())

/** Of the public kind, and nobody's: connections to it are begun, and fail at once or when `briefly` is over. */
const nobody = { address: '2d00::1', family: 6 }
const briefly = { timeoutMs: 1_000 }
const loopback = { address: '127.0.0.1', family: 4 }

function guardOf(rules: Partial<OutboundRules> = {}, resolve?: LookupFunction): OutboundGuard {
  return resources.use(
    new OutboundGuard({ allowPrivateAddresses: false, allowedHosts: [], ...rules }, resolve ? { resolve } : {}),
  )
}

function fetchOf(guard: OutboundGuard, limits: { maxBytes?: number; timeoutMs?: number; maxRedirects?: number } = {}) {
  return createOutboundFetch({ guard, maxBytes: 10_000, timeoutMs: 10_000, maxRedirects: 3, ...limits })
}

async function reasonOf(request: Promise<unknown>): Promise<string> {
  const error = await request.then(
    () => 'it was answered',
    (thrown: unknown) => thrown,
  )
  return error instanceof OutboundRefusal ? error.reason : String(error)
}

/** Answers the nth question with the nth list, and from then on with the last; says how often it was asked. */
function resolver(...answers: readonly (readonly { address: string; family: number }[])[]) {
  let asked = 0
  const resolve: LookupFunction = (_name, _options, done) => {
    const answer = answers[Math.min(asked, answers.length - 1)] ?? []
    asked += 1
    process.nextTick(done, null, answer)
  }
  return {
    resolve,
    get asked() {
      return asked
    },
  }
}

/** As a header can hold it. */
function ascii(url: string): string {
  return url.replace(/[^ -~]/g, encodeURIComponent)
}

async function serve(listener: RequestListener) {
  const server = createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  resources.defer(() => {
    server.closeAllConnections()
    server.close()
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('an address that is not public', () => {
  test.each(ownHosts)('is not connected to as %s', async (host) => {
    const before = canary.connections
    using attempts = watchAttempts()
    const request = fetchOf(guardOf())(`http://${host}:${canary.port}/`)
    expect(await reasonOf(request)).toBe('private-address')
    expect(attempts.made).toEqual([])
    expect(canary.connections).toBe(before)
  })

  test.each(inwardHosts)('is not connected to: %s', async (host) => {
    using attempts = watchAttempts()
    for (const scheme of ['http', 'https']) {
      expect(await reasonOf(fetchOf(guardOf())(`${scheme}://${host}/`))).toBe('private-address')
    }
    expect(attempts.made).toEqual([])
  })

  test('is refused as one of this machine, though it be public', async () => {
    const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
    expect(own.length).toBeGreaterThan(0)
    for (const { address, family } of own) {
      const { resolve } = resolver([{ address, family: family === 'IPv6' ? 6 : 4 }])
      const request = fetchOf(guardOf({}, resolve))(`http://us.example.com:${canary.port}/`)
      expect(await reasonOf(request)).toBe('private-address')
    }
  })

  test('is reached where private addresses are allowed: the canary is there', async () => {
    const reached = fetchOf(guardOf({ allowPrivateAddresses: true }))
    const before = canary.connections
    for (const host of ['127.1', '2130706433', '①②⑦.⓪.⓪.①', 'localhost']) {
      const response = await reached(`http://${host}:${canary.port}/`)
      expect(await response.json()).toMatchObject({ data: [{ id: 'canary' }] })
    }
    expect(canary.connections).toBeGreaterThan(before)
  })
})

describe('a name', () => {
  const url = () => `http://rebind.example.com:${canary.port}/`

  test('that resolves to this machine is not connected to', async () => {
    const before = canary.connections
    using attempts = watchAttempts()
    for (const answer of [loopback, { address: '::1', family: 6 }, { address: '::ffff:127.0.0.1', family: 6 }]) {
      expect(await reasonOf(fetchOf(guardOf({}, resolver([answer]).resolve))(url()))).toBe('private-address')
    }
    expect(attempts.made).toEqual([])
    expect(canary.connections).toBe(before)
  })

  test('that is public at first and then this machine is resolved for each connection, and refused', async () => {
    const before = canary.connections
    using attempts = watchAttempts()
    const names = resolver([nobody], [loopback])
    const rebinding = fetchOf(guardOf({}, names.resolve), briefly)
    expect(await reasonOf(rebinding(url()))).not.toBe('private-address')
    expect(names.asked).toBe(1)
    expect(await reasonOf(rebinding(url()))).toBe('private-address')
    expect(names.asked).toBe(2)
    expect(attempts.made).toEqual([`${nobody.address} ${canary.port}`])
    expect(canary.connections).toBe(before)
  })

  test('that is public and this machine at once is connected to at its public address only', async () => {
    const before = canary.connections
    using attempts = watchAttempts()
    for (const answer of [
      [nobody, loopback],
      [loopback, nobody],
    ]) {
      expect(await reasonOf(fetchOf(guardOf({}, resolver(answer).resolve), briefly)(url()))).not.toBe('it was answered')
    }
    expect(attempts.made).toEqual(Array(2).fill(`${nobody.address} ${canary.port}`))
    expect(canary.connections).toBe(before)
  })

  test('that does not resolve fails as such', async () => {
    const unknown: LookupFunction = (_name, _options, done) =>
      process.nextTick(done, Object.assign(new Error('none'), { code: 'ENOTFOUND' }), [])
    await expect(fetchOf(guardOf({}, unknown))(url())).rejects.toMatchObject({ code: 'ENOTFOUND' })
  })
})

describe('a host that is allowed', () => {
  test('is reached by its name and port, and no other is', async () => {
    const { resolve } = resolver([loopback])
    const allowed = fetchOf(guardOf({ allowedHosts: [`Inside.example.com:${canary.port}`, '[::1]'] }, resolve))
    const other = await serve((_request, response) => response.end())
    expect((await allowed(`http://inside.example.com:${canary.port}/`)).status).toBe(200)
    expect((await allowed(`http://INSIDE.example.com.:${canary.port}/`)).status).toBe(200)
    const before = canary.connections
    for (const refused of [
      `http://inside.example.com:${other.split(':')[1]}/`,
      `http://127.0.0.1:${canary.port}/`,
      `http://sub.inside.example.com:${canary.port}/`,
      `http://localhost:${canary.port}/`,
    ])
      expect(await reasonOf(allowed(refused))).toBe('private-address')
    expect(canary.connections).toBe(before)
  })

  test.each(['', 'http://a', 'a/b', 'u@a', 'a?b', 'a:99999', '*'])('is not what is no host: %j', (text) => {
    expect(() => new OutboundGuard({ allowPrivateAddresses: false, allowedHosts: [text] })).toThrow(TypeError)
  })
})

describe('a URL', () => {
  test.each([
    ['file:///etc/passwd', 'scheme'],
    ['ftp://example.com/', 'scheme'],
    ['gopher://example.com:70/', 'scheme'],
    ['data:text/plain,a', 'scheme'],
    ['unix:/var/run/docker.sock', 'scheme'],
    ['http://user@example.com/', 'credentials'],
    ['http://:hunter2@example.com/', 'credentials'],
  ])('%s is refused, and not repeated', async (url, reason) => {
    for (const allowPrivateAddresses of [false, true]) {
      const refusal = await fetchOf(guardOf({ allowPrivateAddresses }))(url).catch((error: unknown) => error)
      expect(refusal).toMatchObject({ reason })
      expect(String(refusal)).not.toMatch(/hunter2|passwd|example/)
    }
  })
})

describe('a connection', () => {
  test('is used again by its own guard, and never by one that would not make it', async () => {
    const generous = guardOf({ allowPrivateAddresses: true })
    const url = `http://127.0.0.1:${canary.port}/`
    const before = canary.connections
    await (await fetchOf(generous)(url)).text()
    await (await fetchOf(generous)(url)).text()
    await (await createHttpFetch(null)(url)).text()
    expect(canary.connections).toBe(before + 2)
    expect(await reasonOf(fetchOf(guardOf())(url))).toBe('private-address')
    expect(canary.connections).toBe(before + 2)
  })
})

describe('a redirect', () => {
  test.each([...ownHosts.map((host) => `http://${host}:PORT/`), '//127.1:PORT/', 'http://name.example.com:PORT/'])(
    'to %s is not followed',
    async (location) => {
      const before = canary.connections
      const from = await serve((_request, response) => {
        response.writeHead(302, { location: ascii(location.replace('PORT', String(canary.port))) }).end()
      })
      const { resolve } = resolver([loopback])
      const request = fetchOf(guardOf({ allowedHosts: [from] }, resolve))(`http://${from}/`)
      expect(await reasonOf(request)).toBe('private-address')
      expect(canary.connections).toBe(before)
    },
  )

  test.each([
    ['file:///etc/passwd', 'scheme'],
    ['http://user:hunter2@example.com/', 'credentials'],
  ])('to %s is not followed', async (location, reason) => {
    const from = await serve((_request, response) => response.writeHead(307, { location }).end())
    expect(await reasonOf(fetchOf(guardOf({ allowedHosts: [from] }))(`http://${from}/`))).toBe(reason)
  })

  test('is followed to where a request could go, without keys and bodies for another host', async () => {
    const seen: unknown[] = []
    const target = await serve((request, response) => {
      seen.push(request.method, request.headers)
      response.end('arrived')
    })
    const from = await serve((request, response) => {
      const status = request.url === '/moved' ? 307 : 303
      response.writeHead(status, { location: `http://${target}/` }).end()
    })
    const follow = fetchOf(guardOf({ allowedHosts: [from, target] }))
    const headers = { authorization: 'Bearer secret', 'x-api-key': 'secret', cookie: 'a=secret', accept: 'text/plain' }
    const response = await follow(`http://${from}/`, { method: 'POST', headers, body: 'secret' })
    expect(await response.text()).toBe('arrived')
    expect(seen).toEqual(['GET', expect.objectContaining({ accept: 'text/plain' })])
    expect(JSON.stringify(seen)).not.toContain('secret')
    const moved = follow(`http://${from}/moved`, { method: 'POST', headers, body: 'secret' })
    await expect(moved).rejects.toThrow('a body is not sent on to another host')
  })

  test('is not followed without end, nor where the request asks for it as it is', async () => {
    let requests = 0
    const from = await serve((_request, response) => {
      requests += 1
      response.writeHead(301, { location: '/again' }).end()
    })
    const follow = fetchOf(guardOf({ allowedHosts: [from] }), { maxRedirects: 3 })
    await expect(follow(`http://${from}/`)).rejects.toThrow('too many redirects')
    expect(requests).toBe(4)
    expect(await follow(`http://${from}/`, { redirect: 'manual' })).toMatchObject({ status: 301 })
    await expect(follow(`http://${from}/`, { redirect: 'error' })).rejects.toThrow('too many redirects')
  })
})

describe('a response', () => {
  test('is read up to its limit, and no further', async () => {
    const from = await serve((_request, response) => {
      const write = () => {
        while (response.write('x'.repeat(1_000)));
        response.once('drain', write)
      }
      write()
    })
    const endless = fetchOf(guardOf({ allowedHosts: [from] }), { maxBytes: 5_000 })(`http://${from}/`)
    await expect(endless).rejects.toThrow(RangeError)
  })

  test('ends with its time, and with its signal', async () => {
    const from = await serve((_request, response) => void response.writeHead(200).write('never '))
    const slow = fetchOf(guardOf({ allowedHosts: [from] }), { timeoutMs: 50 })(`http://${from}/`)
    await expect(slow).rejects.toMatchObject({ name: 'TimeoutError' })
    const reason = new Error('no longer wanted')
    const aborted = AbortSignal.abort(reason)
    await expect(fetchOf(guardOf({ allowedHosts: [from] }))(`http://${from}/`, { signal: aborted })).rejects.toBe(
      reason,
    )
  })
})
