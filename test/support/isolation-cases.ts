import { newUlid } from '../../src/platform/ids.ts'
import { type IdPlace, namesOwned, type Operation } from './operations-of.ts'
import type { OwnIds } from './personas.ts'

/** One request for something that is another's, and its twin for something that never was. */
export interface IsolationCase {
  readonly what: string
  readonly forbidden: Readonly<Record<string, string>>
  readonly missing: Readonly<Record<string, string>>
}

/** The places of an operation that can name what is a user's. */
export function ownedPlaces({ places }: Pick<Operation, 'places'>): readonly IdPlace[] {
  return places.filter(namesOwned)
}

/**
 * Every place of the operation × every id of another user, of whatever kind, with the caller's own ids in the other
 * places; and, where there are several, all places with ids of the other user that belong together.
 */
export function casesOf(
  operation: Operation,
  own: OwnIds,
  others: { readonly ids: readonly string[]; readonly sets: readonly OwnIds[] },
): readonly IsolationCase[] {
  const places = ownedPlaces(operation)
  const single = places.flatMap((place) => {
    const beside = places.filter((other) => other !== place)
    const sets = [beside.filter(({ isRequired }) => isRequired), beside]
    const distinct = sets[0]?.length === beside.length ? sets.slice(1) : sets
    return distinct.flatMap((filled) =>
      others.ids.map((id) => {
        const rest = Object.fromEntries(filled.map(({ path, meaning }) => [path, idFor(meaning, own)]))
        return {
          what: `${operation.name} ${place.path}: ${id}${filled.map(({ path }) => `, own ${path}`).join('')}`,
          forbidden: { ...rest, [place.path]: id },
          missing: { ...rest, [place.path]: missingLike(id) },
        }
      }),
    )
  })
  if (places.length < 2) return single
  const together = others.sets.map((set) => {
    const forbidden = Object.fromEntries(places.map(({ path, meaning }) => [path, idFor(meaning, set)]))
    return {
      what: `${operation.name} all: ${JSON.stringify(forbidden)}`,
      forbidden,
      missing: Object.fromEntries(Object.entries(forbidden).map(([path, id]) => [path, missingLike(id)])),
    }
  })
  return [...single, ...together]
}

export function idFor(meaning: IdPlace['meaning'], own: OwnIds): string {
  switch (meaning) {
    case 'user':
    case 'thread':
    case 'message':
    case 'run':
    case 'accessToken':
    case 'toolCall':
    case 'approval':
    case 'grant':
    case 'attachment':
      return own[meaning]
    case 'model':
    case 'provider':
    case 'mcpServer':
    case 'free':
      throw new Error(`a ${meaning} is nobody's`)
  }
}

/** An id of the same kind that nothing has. */
function missingLike(id: string): string {
  return id.replace(/[^_]+$/, newUlid())
}
