import { exampleFor, type SourceOf } from './check.ts'
import { checkAuth } from './cross-check-auth.ts'
import { entriesOf, formatPath, isMapping, type Path, valueAt } from './path.ts'
import type { ConfigProblem } from './problems.ts'
import { describeSource } from './source.ts'

type Report = (path: Path, message: string, example: unknown) => void

/** What no single key can tell: keys that exclude each other, ids that are used twice or that nothing has. */
export function crossProblems(
  values: unknown,
  sourceOf: SourceOf,
  providerKinds: readonly string[] | undefined,
): ConfigProblem[] {
  const problems: ConfigProblem[] = []
  const report: Report = (path, message, example) => {
    const source = sourceOf(path)
    problems.push({
      key: formatPath(path),
      source: describeSource(source),
      message,
      example: exampleFor(source, path, example),
    })
  }
  checkDatabase(values, sourceOf, report)
  checkAuth(values, (path) => describeSource(sourceOf(path)), report)
  checkAttachments(values, report)
  const providers = checkProviders(values, providerKinds, report)
  checkModels(values, providers, report)
  return problems
}

function checkDatabase(values: unknown, sourceOf: SourceOf, report: Report): void {
  if (valueAt(values, ['database', 'url']) !== undefined && valueAt(values, ['database', 'host']) !== undefined) {
    const other = describeSource(sourceOf(['database', 'url']))
    report(['database', 'host'], `excludes database.url, which is set too (${other}); remove one of them`, undefined)
  }
  const poolMin = valueAt(values, ['database', 'poolMin']) ?? 2
  const poolSize = valueAt(values, ['database', 'poolSize']) ?? 10
  if (typeof poolMin === 'number' && typeof poolSize === 'number' && poolMin > poolSize) {
    const key = valueAt(values, ['database', 'poolMin']) === undefined ? 'poolSize' : 'poolMin'
    report(
      ['database', key],
      'database.poolMin must not be above database.poolSize',
      key === 'poolMin' ? poolSize : poolMin,
    )
  }
}

function checkAttachments(values: unknown, report: Report): void {
  const { bucket, accessKeyId, secretAccessKey } = Object.fromEntries(entriesOf(valueAt(values, ['attachments', 's3'])))
  if (valueAt(values, ['attachments', 'store']) === 's3' && bucket === undefined) {
    report(['attachments', 's3', 'bucket'], 'missing; the store `s3` needs a bucket', 'parley-files')
  }
  if ((accessKeyId === undefined) !== (secretAccessKey === undefined)) {
    const key = accessKeyId === undefined ? 'accessKeyId' : 'secretAccessKey'
    report(['attachments', 's3', key], 'missing; an access key is an id and a secret', undefined)
  }
}

/** The ids of those that are enabled. */
function checkProviders(
  values: unknown,
  providerKinds: readonly string[] | undefined,
  report: Report,
): ReadonlySet<string> {
  const usable = new Set<string>()
  const seen = new Set<unknown>()
  for (const [index, { id, kind, enabled, accounts }] of mappingsOf(valueAt(values, ['providers'])).entries()) {
    if (typeof id === 'string' && seen.has(id))
      report(['providers', index, 'id'], 'another provider has this id', 'another')
    seen.add(id)
    if (typeof id === 'string' && enabled !== false) usable.add(id)
    if (typeof kind === 'string' && providerKinds !== undefined && !providerKinds.includes(kind)) {
      report(['providers', index, 'kind'], `expected one of ${providerKinds.join(', ')}`, providerKinds[0])
    }
    for (const account of repeatedNames(accounts))
      report(['providers', index, 'accounts', account, 'name'], 'another account has this name', 'another')
  }
  return usable
}

/** The indexes of the accounts whose name an earlier one has. */
export function repeatedNames(accounts: unknown): readonly number[] {
  const names = mappingsOf(accounts).map(({ name }) => name)
  return names.flatMap((name, index) => (name !== undefined && names.indexOf(name) < index ? [index] : []))
}

function checkModels(values: unknown, providers: ReadonlySet<string>, report: Report): void {
  const aliases = new Set(entriesOf(valueAt(values, ['aliases'])).map(([alias]) => alias))
  const defaultModel = valueAt(values, ['defaultModel'])
  if (typeof defaultModel === 'string' && defaultModel !== '' && !aliases.has(defaultModel)) {
    const slash = defaultModel.indexOf('/')
    if (slash <= 0 || slash === defaultModel.length - 1) {
      report(['defaultModel'], 'expected provider/model, or an alias', 'demo/parley-demo')
    } else if (!providers.has(defaultModel.slice(0, slash))) {
      const ids = [...providers].join(', ')
      report(
        ['defaultModel'],
        `expected a model of an enabled provider: ${ids === '' ? 'there is none' : ids}`,
        'demo/…',
      )
    }
  }
  for (const [modelId, fallbacks] of entriesOf(valueAt(values, ['fallbacks']))) {
    const own = Array.isArray(fallbacks) ? fallbacks.indexOf(modelId) : -1
    if (own >= 0) report(['fallbacks', modelId, own], 'a model cannot take over from itself', undefined)
  }
}

function mappingsOf(list: unknown): readonly Record<string, unknown>[] {
  return Array.isArray(list) ? list.map((entry) => (isMapping(entry) ? entry : {})) : []
}
