import type { Viewer } from './viewer.ts'

/** The names of products, or of agents, that a viewer may use. */
export type AllowedNames = 'all' | readonly string[]

/** In UTF-16 code units. */
export const maxNameLength = 200

export function allowedProducts({ role, allowedProducts: names }: Viewer): AllowedNames {
  return role === 'ADMIN' ? 'all' : allowedNames(names)
}

export function allowedAgents({ role, allowedAgents: names }: Viewer): AllowedNames {
  return role === 'ADMIN' ? 'all' : allowedNames(names)
}

/** Names are compared as they are: upper and lower case differ, and no space is trimmed. */
export function isAllowed(allowed: AllowedNames, name: string): boolean {
  return allowed === 'all' || allowed.includes(name)
}

/** Without those that nothing can have: a list from elsewhere may hold what the database could not even be asked for. */
function allowedNames(names: readonly string[]): AllowedNames {
  if (names.includes('*')) return 'all'
  return [...new Set(names)].filter(
    (name) => name !== '' && name.length <= maxNameLength && !name.includes('\0') && name.isWellFormed(),
  )
}
