import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { sendRequest } from '../src/platform/outbound-request.ts'

test('a request that is aborted as the last of its response arrives fails alone, and not the process', async () => {
  const uncaught: unknown[] = []
  const note = (error: unknown) => void uncaught.push(error)
  process.on('uncaughtExceptionMonitor', note)
  const server = createServer((_request, response) => response.end('hello')).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  try {
    for (let count = 0; count < 5; count++) {
      const end = new AbortController()
      const request = { url, method: 'POST', headers: new Headers(), body: '{}', signal: end.signal }
      const incoming = await sendRequest(request, null)
      incoming.on('error', () => {}).on('data', () => end.abort())
      await once(incoming, 'close')
      // Its connection fails after it.
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(uncaught).toEqual([])
  } finally {
    process.off('uncaughtExceptionMonitor', note)
    server.close()
    server.closeAllConnections()
  }
})
