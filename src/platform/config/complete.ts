import { customaryNames } from './customary-names.ts'
import type { Variables } from './layer.ts'
import { isMapping, type Path } from './path.ts'
import type { Source } from './source.ts'

/** Where `OPENAI_API_KEY` and the like are looked up, the winning place first. */
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

  for (const customary of customaryNames) {
    if (!('provider' in customary)) continue
    const found = lookUp(customary.name, places)
    if (found === undefined) continue
    const index = find(customary.provider) === -1 ? providers.length : find(customary.provider)
    if (index === providers.length) {
      providers.push({ id: customary.provider, kind: customary.provider })
      note(['providers', index], found.source)
    }
    const entry = providers[index]
    if (!isMapping(entry) || (entry[customary.field] ?? null) !== null) continue
    entry[customary.field] = found.value
    note(['providers', index, customary.field], found.source)
  }
  if (find('demo') === -1) providers.push({ id: 'demo', kind: 'demo' })
  return providers
}

/** The first place that has the variable decides; an empty one counts as not set. */
function lookUp(name: string, places: readonly VariablePlace[]): { value: string; source: Source } | undefined {
  const place = places.find(({ variables }) => variables[name] !== undefined)
  const value = place?.variables[name]
  return place === undefined || value === undefined || value === ''
    ? undefined
    : { value, source: { kind: place.kind, name } }
}
