import type { UserRole } from '../database/generated/enums.ts'
import type { Config } from '../platform/config/schema.ts'
import { headerValues } from './header-values.ts'
import type { RequestFacts } from './request-facts.ts'
import type { SeenUser } from './seen-users.ts'

export type ProxyHeaders = Pick<
  Config['auth']['proxy'],
  'userHeader' | 'roleHeader' | 'productsHeader' | 'agentsHeader' | 'roles'
>

/** The headers of a proxy don't name one user; the message is for the log, and holds no value. */
export class HeaderProblem extends Error {
  override readonly name = 'HeaderProblem'
}

/** In UTF-16 code units. */
const maxIdLength = 255

/** Who a proxy says it is. Throws a `HeaderProblem` where that is not exactly one user with a role that is known. */
export function proxyUserOf(request: RequestFacts, headers: ProxyHeaders): SeenUser {
  const id = oneValue(request, headers.userHeader)
  if (id === null) throw new HeaderProblem(`${headers.userHeader} is missing`)
  if (!isId(id)) throw new HeaderProblem(`${headers.userHeader} is empty, longer than ${maxIdLength}, or no one id`)
  return {
    subject: `proxy:${id}`,
    username: id,
    role: roleOf(request, headers),
    allowedProducts: listOf(request, headers.productsHeader),
    allowedAgents: listOf(request, headers.agentsHeader),
  }
}

/** Where a comma is, two ids may have been joined; what is invisible makes two ids look the same. */
function isId(id: string): boolean {
  return id.length >= 1 && id.length <= maxIdLength && id.trim() === id && !/[,\p{C}\p{Zl}\p{Zp}]/u.test(id)
}

function roleOf(request: RequestFacts, { roleHeader, roles }: ProxyHeaders): UserRole {
  const value = oneValue(request, roleHeader)?.toLowerCase()
  if (value === undefined) return 'USER'
  const role = Object.entries(roles).find(([name]) => name.toLowerCase() === value)?.[1]
  // Somebody without any role, or with one that was forgotten: nobody can tell what they may do.
  if (role === undefined) throw new HeaderProblem(`${roleHeader} holds a role that is not in auth.proxy.roles`)
  return role
}

/** What has commas between; null without the header. */
function listOf(request: RequestFacts, header: string): readonly string[] | null {
  const entries = oneValue(request, header)?.split(',')
  if (entries === undefined) return null
  return [...new Set(entries.map((entry) => entry.trim()).filter((entry) => entry !== ''))]
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Null without the header. A second one may be the client's own, which the proxy did not take away. */
function oneValue(request: RequestFacts, header: string): string | null {
  const [value, second] = headerValues(request, header)
  if (second !== undefined) throw new HeaderProblem(`${header} is there twice`)
  if (value === undefined) return null
  try {
    // Node gives each byte as a character.
    return utf8.decode(Buffer.from(value, 'latin1'))
  } catch (cause) {
    throw new HeaderProblem(`${header} is no UTF-8`, { cause })
  }
}
