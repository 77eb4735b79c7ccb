import { assertNever } from '../assert-never.ts'
import { formatPath, type Path } from './path.ts'

/** Where a value was written. */
export type Source =
  | { readonly kind: 'flag'; readonly name: string }
  | { readonly kind: 'environment'; readonly name: string }
  | { readonly kind: 'dotenv'; readonly name: string }
  | { readonly kind: 'file'; readonly file: string; readonly line: number | undefined }
  | { readonly kind: 'code' }
  | { readonly kind: 'default' }

export function describeSource(source: Source): string {
  switch (source.kind) {
    case 'flag':
      return `flag ${source.name}`
    case 'environment':
      return `environment variable ${source.name}`
    case 'dotenv':
      return `${source.name} in .env`
    case 'file':
      return source.line === undefined ? source.file : `${source.file}, line ${source.line}`
    case 'code':
      return 'given by the program'
    case 'default':
      return 'default'
    default:
      return assertNever(source)
  }
}

/** The value as it would be written for the key at that source: `PARLEY_PORT=4000`, `--port 4000`, `port: 4000`. */
export function exampleAt(source: Source, path: Path, value: unknown): string {
  if (value === undefined || value === '') return ''
  switch (source.kind) {
    case 'flag':
      return value === true ? source.name : `${source.name} ${quoted(text(value))}`
    case 'environment':
    case 'dotenv':
      return `${source.name}=${quoted(text(value))}`
    case 'file':
    case 'code':
    case 'default':
      return inYaml(path, value)
    default:
      return assertNever(source)
  }
}

/** A value as an environment variable holds it: lists of texts by comma, what is deeper as JSON. */
export function text(value: unknown): string {
  if (Array.isArray(value) && value.every((entry) => typeof entry === 'string')) return value.join(',')
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function quoted(plain: string): string {
  return /^[\w\-./:@,*?&=%+]*$/.test(plain) ? plain : `'${plain}'`
}

/** YAML in one line; lists in the path show their entry alone. */
function inYaml(path: Path, value: unknown): string {
  const [first, ...rest] = path
  if (first === undefined) return flow(value)
  const inner = rest.reduceRight<string>(
    (written, segment) => (typeof segment === 'number' ? `[${written}]` : `{ ${segment}: ${written} }`),
    flow(value),
  )
  return `${formatPath([first])}: ${inner}`
}

function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).map(([key, entry]) => `${key}: ${flow(entry)}`)
    return `{ ${entries.join(', ')} }`
  }
  // A plain scalar must not hold what ends it in a flow collection; JSON's quoting is YAML's.
  return typeof value === 'string' && !/^[A-Za-z/][\w\-./ ]*(:[\w\-./@]+)*$/.test(value)
    ? JSON.stringify(value)
    : String(value)
}
