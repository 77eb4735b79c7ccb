import type { z } from 'zod'
import { problemsOfIssue } from './check.ts'
import { type VariablePlace, withImpliedProviders } from './complete.ts'
import { crossProblems } from './cross-check.ts'
import { withoutForeignVariables } from './customary-names.ts'
import { urlOfParts, withSslMode } from './database-url.ts'
import { configKeys } from './keys.ts'
import type { Layer, Setting } from './layer.ts'
import { formatPath, type Path } from './path.ts'
import { ConfigError, type ConfigProblem } from './problems.ts'
import { type Config, configSchema } from './schema.ts'
import { fromText } from './schema-walk.ts'
import { describeSource, type Source } from './source.ts'

export interface Resolution {
  readonly config: Config
  /** Where each key's value comes from, in words, by the key's path; and where each provider, as `providers[0]`. */
  readonly sources: ReadonlyMap<string, string>
}

export interface ResolveOptions {
  /** The lowest first: a later one wins, key by key. */
  readonly layers: readonly Layer[]
  readonly places: readonly VariablePlace[]
  readonly providerKinds: readonly string[] | undefined
  /** What reading the layers found wrong. */
  readonly problems: readonly ConfigProblem[]
}

/** Lays the layers over each other and checks the result. Throws a `ConfigError` with every problem there is. */
export function resolveConfig({ layers, places, providerKinds, problems }: ResolveOptions): Resolution {
  const settings = new Map<string, Setting>(withoutForeignVariables(layers).flatMap((layer) => [...layer]))
  const added = new Map<string, Source>()
  const sourceOf = (path: Path): Source => {
    for (let length = path.length; length > 0; length--) {
      const at = formatPath(path.slice(0, length))
      const source = added.get(at) ?? settings.get(at)?.sourceOf?.(path) ?? settings.get(at)?.source
      if (source !== undefined) return source
    }
    return { kind: 'default' }
  }

  const values: Record<string, unknown> = {}
  for (const { path, schema } of configKeys) {
    const setting = settings.get(path)
    if (setting !== undefined) place(values, path.split('.'), fromText(schema, setting.value))
  }
  values.providers = withImpliedProviders(values.providers ?? [], places, (path, source) => {
    added.set(formatPath(path), source)
  })

  const parsed = configSchema.safeParse(values)
  const issues: readonly z.core.$ZodIssue[] = parsed.error?.issues ?? []
  const found = [
    ...problems,
    ...issues.flatMap((issue) => problemsOfIssue(issue, values, sourceOf)),
    ...crossProblems(values, sourceOf, providerKinds),
  ]
  // A variable that is not set leaves a text that fits nowhere: the first problem of a key is the one that counts.
  const unique = [
    ...new Map(found.toReversed().map((problem) => [`${problem.key} ${problem.source}`, problem])).values(),
  ]
  if (!parsed.success || unique.length > 0) throw new ConfigError(unique.toReversed())

  const paths: Path[] = [
    ...configKeys.map(({ path }) => path.split('.')),
    ...parsed.data.providers.map((_, index) => ['providers', index]),
  ]
  const sources = paths.map((path): [string, string] => [formatPath(path), describeSource(sourceOf(path))])
  return { config: withDatabaseUrl(parsed.data), sources: new Map(sources) }
}

/** Makes one URL of the database's parts, in the words of `pg`. */
function withDatabaseUrl(config: Config): Config {
  const { database } = config
  const { url, directUrl, host, port, name, user, password, sslMode } = database
  const whole = host === undefined ? url : urlOfParts({ host, port, name, user, password })
  return {
    ...config,
    database: {
      ...database,
      ...(whole !== undefined && { url: withSslMode(whole, sslMode) }),
      ...(directUrl !== undefined && { directUrl: withSslMode(directUrl, sslMode) }),
    },
  }
}

function place(root: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [first, ...rest] = path
  if (first === undefined) return
  if (rest.length === 0) {
    root[first] = value
    return
  }
  const section: Record<string, unknown> = {}
  Object.assign(section, root[first])
  place(section, rest, value)
  root[first] = section
}
