import { type CustomaryName, customaryNames } from './customary-names.ts'
import type { Variables } from './layer.ts'
import { isMapping, type Path } from './path.ts'
import type { Source } from './source.ts'

/**
 * Where `OPENAI_API_KEY` and the like are looked up, the winning place first. A variable that is empty in one place is
 * in none of the later ones.
 */
export interface VariablePlace {
  readonly kind: 'environment' | 'dotenv'
  readonly variables: Variables
}

/**
 * The configured providers, and those that need no configuration: one for each that the environment has a customary
 * variable of, then the demo. A customary variable also fills what a configured provider with that id leaves out.
 * `note` is told where each added value comes from.
 */
export function withImpliedProviders(
  configured: unknown,
  places: readonly VariablePlace[],
  note: (path: Path, source: Source) => void,
): unknown {
  if (!Array.isArray(configured)) return configured
  const providers: unknown[] = configured.map((entry) => {
    if (!isMapping(entry)) return entry
    // For the ids that are known, the id says the kind.
    const known = entry.id === 'demo' || customaryNames.some((name) => 'provider' in name && name.provider === entry.id)
    return known && !Object.hasOwn(entry, 'kind') ? { ...entry, kind: entry.id } : { ...entry }
  })
  const find = (id: string) => providers.findIndex((entry) => isMapping(entry) && entry.id === id)

  for (const names of customaryFields) {
    const [{ provider, field }] = names
    const found = lookUp(names, places)
    if (found === undefined) continue
    const index = find(provider) === -1 ? providers.length : find(provider)
    if (index === providers.length) {
      providers.push({ id: provider, kind: provider })
      note(['providers', index], found.source)
    }
    const entry = providers[index]
    if (!isMapping(entry) || (entry[field] ?? null) !== null) continue
    entry[field] = found.value
    note(['providers', index, field], found.source)
  }
  if (find('demo') === -1) {
    note(['providers', providers.length], { kind: 'default' })
    providers.push({ id: 'demo', kind: 'demo' })
  }
  return providers
}

type FieldName = Extract<CustomaryName, { provider: string }>

/** The variables that are for providers, those for the same field together, in their order. */
const customaryFields: readonly (readonly [FieldName, ...FieldName[]])[] = groupByField()

function groupByField(): [FieldName, ...FieldName[]][] {
  const fields = new Map<string, [FieldName, ...FieldName[]]>()
  for (const name of customaryNames) {
    if (!('provider' in name)) continue
    const key = `${name.provider}.${name.field}`
    const others = fields.get(key)
    if (others) others.push(name)
    else fields.set(key, [name])
  }
  return [...fields.values()]
}

/** The first place that has one of the variables decides; an empty one counts as not set. */
function lookUp(
  names: readonly FieldName[],
  places: readonly VariablePlace[],
): { value: string; source: Source } | undefined {
  for (const { kind, variables } of places) {
    for (const { name, read } of names) {
      const text = variables[name]
      if (text) return { value: read?.(text) ?? text, source: { kind, name } }
    }
  }
  return undefined
}
