import { z } from 'zod'
import { exampleOf, unknownKey } from './from-file.ts'
import { configKeys } from './keys.ts'
import { formatPath, type Path, valueAt } from './path.ts'
import type { ConfigProblem } from './problems.ts'
import { configSchema } from './schema.ts'
import { schemasAlong, unwrap, wordsFor } from './schema-walk.ts'
import { describeSource, exampleAt, type Source } from './source.ts'

export type SourceOf = (path: Path) => Source

/** What zod found, in our words: without the values, and with examples. */
export function problemsOfIssue(issue: z.core.$ZodIssue, values: unknown, sourceOf: SourceOf): ConfigProblem[] {
  const path = pathOf(issue)
  const schemas = schemasAlong(configSchema, path)
  const schema = schemas.at(-1) ?? configSchema
  if (issue.code === 'unrecognized_keys') {
    const section = unwrap(schema)
    if (section instanceof z.ZodObject) {
      return issue.keys.map((key) => unknownKey(section, [...path, key], sourceOf([...path, key])))
    }
  }
  const source = sourceOf(path)
  return [
    {
      key: formatPath(path),
      source: describeSource(source),
      message: messageOfIssue(configSchema, issue, values),
      example: nearestExample(schemas, path, source),
    },
  ]
}

/** What zod found wrong with values that are to fit the schema, in our words; it holds none of the values. */
export function messageOfIssue(root: z.core.$ZodType, issue: z.core.$ZodIssue, values: unknown): string {
  const path = pathOf(issue)
  const schemas = schemasAlong(root, path)
  const exact = schemas.length === path.length + 1
  return messageOf(issue, exact ? wordsFor(schemas.at(-1) ?? root) : 'something else', valueAt(values, path))
}

/** Where in the values the issue is. */
export function pathOf({ path }: z.core.$ZodIssue): Path {
  return path.filter((segment) => typeof segment !== 'symbol')
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
export function exampleFor(source: Source, path: Path, value: unknown): string {
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
