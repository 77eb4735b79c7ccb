import type { PrismaClient } from '../database/generated/client.ts'
import { RequestError, StartError } from '../platform/errors.ts'
import { newId } from '../platform/ids.ts'
import type { Authenticator } from './authenticator.ts'
import type { Session } from './session.ts'
import type { Viewer } from './viewer.ts'

/**
 * Mode `local`: whoever reaches the loopback address is the one local viewer. A page of another site can reach it too,
 * by a name of its own that resolves to 127.0.0.1 (DNS rebinding); the name that it used gives it away, so requests
 * whose Host is not a loopback name are FORBIDDEN.
 */
export function createLocalAuthenticator(viewer: Viewer): Authenticator {
  const session: Session = { viewer, expiresAt: null, credential: 'local', callerToken: null }
  return {
    async authenticate({ headers, host }) {
      // Both are looked at: with trusted proxies, `host` may come from a header that a page can set.
      if (!isLoopbackHost(headers.host) || !isLoopbackHost(host)) {
        throw new RequestError('FORBIDDEN', 'In local mode, Parley answers only to localhost and loopback addresses.')
      }
      return session
    },
    revalidate: async (sessions) => sessions,
  }
}

/** Whether a Host header, port included or not, names this machine and nothing else. */
export function isLoopbackHost(host: string | undefined): boolean {
  if (host === undefined) return false
  const name = host.toLowerCase().replace(/:\d{1,5}$/, '')
  return /^(localhost|([a-z0-9-]+\.)+localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(name)
}

const subject = 'local'

/** The local viewer's row, made at the first start, or at one of several at once. */
export async function ensureLocalViewer(database: PrismaClient): Promise<Viewer> {
  const found = await database.user.findUnique({ where: { subject } })
  if (found) return found
  const everything = ['*']
  const viewer = { id: newId('user'), subject, username: 'local', role: 'ADMIN' } as const
  await database.user.createMany({
    data: { ...viewer, allowedProducts: everything, allowedAgents: everything },
    skipDuplicates: true,
  })
  return database.user.findUniqueOrThrow({ where: { subject } })
}

/** Without sign-in, whoever reaches the server is its administrator: so nobody else's machine may. */
export function requireLoopback(host: string): void {
  if (isLoopbackHost(host) || host === '::1') return
  throw new StartError(
    `In the auth mode \`local\`, whoever reaches the server is its administrator, so it listens on this machine only. Set PARLEY_HOST to 127.0.0.1 instead of ${host}.`,
  )
}
