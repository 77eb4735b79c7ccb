/** Property names and list indexes from the root to a value. */
export type Path = readonly (string | number)[]

/** `providers[0].apiKey` */
export function formatPath(path: Path): string {
  let written = ''
  for (const segment of path) {
    if (typeof segment === 'number') written += `[${segment}]`
    else written += written === '' ? segment : `.${segment}`
  }
  return written
}

/** What stands at the path inside lists and objects; undefined where there is nothing. */
export function valueAt(root: unknown, path: Path): unknown {
  let value = root
  for (const segment of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, segment)) return undefined
    value = Reflect.get(value, segment)
  }
  return value
}

/** An object's own entries; none for anything else. */
export function entriesOf(value: unknown): [string, unknown][] {
  return isMapping(value) ? Object.entries(value) : []
}

export function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
