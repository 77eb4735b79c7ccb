import { expect } from 'vitest'
import type { ConfigInput } from '../../src/platform/config/schema.ts'
import type { TestServer } from './server.ts'
import { type Credentials, type Transport, whoIs } from './who.ts'

export type Header = readonly [string, string]
type ProxyInput = NonNullable<NonNullable<ConfigInput['auth']>['proxy']>

/** What the tests' proxy sends where it must. */
export const proxySecret = 'vT5yQm2Rk8Wz3Nb6Xc9L'

export function proxyConfig(proxy: ProxyInput, more: ConfigInput = {}): ConfigInput {
  return { ...more, auth: { mode: 'proxy', proxy } }
}

/** Refused, and told nothing but that. */
export async function expectUnknown(at: TestServer, transport: Transport, credentials: Credentials): Promise<void> {
  const told =
    transport === 'websocket'
      ? { code: 'CLOSED', status: 4403, message: 'Forbidden' }
      : { code: 'UNAUTHENTICATED', status: 401, message: 'The proxy in front has not said who you are.' }
  expect(await whoIs(at, transport, credentials)).toEqual(told)
}
