import { createHash } from 'node:crypto'

/** What every provider takes as a tool's name: a letter or `_`, then letters, digits, `_` and `-`; at most 64. */
export const toolNamePattern = /^[a-zA-Z_][a-zA-Z0-9_-]{0,63}$/

/** The same, in words. */
export const toolNameRule = 'a letter or _, then letters, digits, _ and -, at most 64 characters'

const maxLength = 64
const hashLength = 8
/** Of a server's name where both do not fit: what matters to a model is the tool's. */
const maxServerLength = 20
const serverCharacters = /[^a-zA-Z0-9-]+/g

/**
 * What an MCP tool is called here: SERVER__TOOL. Where that is no valid name, or could be another server's tool as well, it
 * is made one, and a hash of both names is put behind it, so that each tool keeps its name whatever others there are.
 */
export function mcpToolName(serverId: string, tool: string): string {
  const plain = `${serverId}__${tool}`
  if (isPlain(serverId, tool) && toolNamePattern.test(plain)) return plain
  const hash = createHash('sha256')
    .update(JSON.stringify([serverId, tool]))
    .digest('hex')
    .slice(0, hashLength)
  const ending = `_${hash}`
  const server = safe(serverId, serverCharacters, 'server')
  const rest = safe(tool, /[^a-zA-Z0-9_-]+/g, 'tool')
  const room = maxLength - ending.length
  const whole = `${server}__${rest}`
  const name = whole.length <= room ? whole : `${server.slice(0, maxServerLength)}__${rest}`.slice(0, room)
  return name + ending
}

/** Whether a tool of the server may be called this here. */
export function mayBeToolOf(serverId: string, name: string): boolean {
  const server = safe(serverId, serverCharacters, 'server')
  return [serverId, server, server.slice(0, maxServerLength)].some((start) => name.startsWith(`${start}__`))
}

/**
 * Whether both names can be told from SERVER__TOOL again, by its first `__`. What ends like a hash is left to the names
 * that have one.
 */
function isPlain(serverId: string, tool: string): boolean {
  return !serverId.includes('__') && !serverId.endsWith('_') && tool !== '' && !/_[0-9a-f]{8}$/.test(tool)
}

function safe(text: string, others: RegExp, fallback: string): string {
  const letters = text
    .slice(0, maxLength)
    .replaceAll(others, '_')
    .replaceAll(/^_+|_+$/g, '')
  const name = letters === '' ? fallback : letters
  return /^[a-zA-Z]/.test(name) ? name : `_${name}`
}
