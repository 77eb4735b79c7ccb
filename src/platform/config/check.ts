import { z } from 'zod'
import { exampleOf, unknownKey } from './from-file.ts'
import { configKeys } from './keys.ts'
import { formatPath, isMapping, type Path, valueAt } from './path.ts'
import type { ConfigProblem } from './problems.ts'
import { configSchema } from './schema.ts'
import { schemasAlong, unwrap, wordsFor } from './schema-walk.ts'
import { describeSource, exampleAt, type Source } from './source.ts'

type SourceOf = (path: Path) => Source

/** What zod found, in our words: without the values, and with examples. */
export function problemsOfIssue(issue: z.core.$ZodIssue, values: unknown, sourceOf: SourceOf): ConfigProblem[] {
  const path = issue.path.filter((segment) => typeof segment !== 'symbol')
  const schemas = schemasAlong(configSchema, path)
  const schema = schemas.at(-1) ?? configSchema
  const exact = schemas.length === path.length + 1
  if (issue.code === 'unrecognized_keys') {
    const section = unwrap(schema)
    if (section instanceof z.ZodObject) {
      return issue.keys.map((key) => unknownKey(section, [...path, key], sourceOf([...path, key])))
    }
  }
  const value = valueAt(values, path)
  const source = sourceOf(path)
  return [
    {
      key: formatPath(path),
      source: describeSource(source),
      message: messageOf(issue, exact ? wordsFor(schema) : 'something else', value),
      example: nearestExample(schemas, path, source),
    },
  ]
}

/** The example of what stands at the path or, where it has none, of what is around it. */
function nearestExample(schemas: readonly z.core.$ZodType[], path: Path, source: Source): string {
  for (let depth = schemas.length - 1; depth > 0; depth--) {
    const schema = schemas[depth]
    const value = schema === undefined ? undefined : exampleOf(schema)
    if (value !== undefined) return exampleFor(source, path.slice(0, depth), value)
  }
  return ''
}

/** A variable or flag that holds a whole key has that key's example, whatever is wrong inside. */
function exampleFor(source: Source, path: Path, value: unknown): string {
  const name = 'name' in source ? source.name : undefined
  const key = configKeys.find(({ env, flag, path: whole }) => {
    return (name === env || name === `--${flag}`) && formatPath(path).startsWith(`${whole}[`)
  })
  return key === undefined ? exampleAt(source, path, value) : exampleAt(source, [], key.example)
}

function messageOf(issue: z.core.$ZodIssue, words: string, value: unknown): string {
  switch (issue.code) {
    case 'invalid_format':
    case 'custom':
      return issue.message
    case 'invalid_key':
      return issue.issues[0]?.message ?? issue.message
    default:
      if (value === undefined) return `missing; expected ${words}`
      if (words.startsWith('a text') && typeof value !== 'string') return `expected ${words}; put it in quotes`
      return `expected ${words}`
  }
}

/** What no single key can tell: keys that exclude each other, ids that are used twice or that nothing has. */
export function crossProblems(
  values: unknown,
  sourceOf: SourceOf,
  providerKinds: readonly string[] | undefined,
): ConfigProblem[] {
  const problems: ConfigProblem[] = []
  const report = (path: Path, message: string, example: unknown) => {
    const source = sourceOf(path)
    problems.push({
      key: formatPath(path),
      source: describeSource(source),
      message,
      example: exampleFor(source, path, example),
    })
  }

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

  const listed = valueAt(values, ['providers'])
  const providers = Array.isArray(listed) ? listed.map((entry) => (isMapping(entry) ? entry : {})) : []
  const usable = new Set<string>()
  const seen = new Set<unknown>()
  for (const [index, { id, kind, enabled }] of providers.entries()) {
    if (typeof id === 'string' && seen.has(id))
      report(['providers', index, 'id'], 'another provider has this id', 'another')
    seen.add(id)
    if (typeof id === 'string' && enabled !== false) usable.add(id)
    if (typeof kind === 'string' && providerKinds !== undefined && !providerKinds.includes(kind)) {
      report(['providers', index, 'kind'], `expected one of ${providerKinds.join(', ')}`, providerKinds[0])
    }
  }

  const defaultModel = valueAt(values, ['defaultModel'])
  const slash = typeof defaultModel === 'string' ? defaultModel.indexOf('/') : -1
  if (typeof defaultModel === 'string' && slash > 0 && !usable.has(defaultModel.slice(0, slash))) {
    const ids = [...usable].join(', ')
    report(['defaultModel'], `expected a model of an enabled provider: ${ids === '' ? 'there is none' : ids}`, 'demo/…')
  }
  return problems
}
