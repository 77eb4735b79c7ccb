import type { Log } from '../platform/log.ts'
import { sanitizeText } from '../platform/text.ts'

/** Of a line, in UTF-16 code units. */
const maxLength = 1_000
/** What is looked through for secrets, of which a cut one would not be found. */
const maxHiddenLength = 10_000
const maxNameLength = 100
const maxLinesASecond = 20

/** Writes what a server says of itself (MCP, Logging) into our log, for whoever looks for it there: short, and not too often. */
export function createServerLog(
  log: Log,
  hide: (text: string) => string,
): (params: Readonly<Record<string, unknown>>) => void {
  let second = 0
  let lines = 0
  return ({ level, logger, data }) => {
    const now = Math.floor(Date.now() / 1_000)
    if (now !== second) [second, lines] = [now, 0]
    lines += 1
    if (lines > maxLinesASecond || !log.isLevelEnabled('debug')) return
    const text = typeof data === 'string' ? data : (JSON.stringify(data) ?? '')
    log.debug(
      {
        serverLevel: short(level),
        logger: short(logger),
        says: sanitizeText(hide(text.slice(0, maxHiddenLength)).slice(0, maxLength)),
      },
      'an MCP server says',
    )
  }
}

function short(name: unknown): string | undefined {
  return typeof name === 'string' ? sanitizeText(name.slice(0, maxNameLength)) : undefined
}
