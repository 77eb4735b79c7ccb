import {
  type GraphQLField,
  type GraphQLInterfaceType,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isInterfaceType,
  isIntrospectionType,
  isObjectType,
} from 'graphql'
import { type Access, accessTo, type RootType } from '../../src/graphql/access.ts'

export const rootTypes: readonly RootType[] = ['Query', 'Mutation', 'Subscription']

export type Field = GraphQLField<unknown, unknown>

/** A type's fields in the schema's order; none of a type that has none. */
export function fieldsOf(type: GraphQLNamedType | null | undefined): readonly Field[] {
  return isObjectType(type) || isInterfaceType(type) ? Object.values(type.getFields()) : []
}

/** Every object and interface type but the roots. */
export function dataTypes(schema: GraphQLSchema): readonly (GraphQLObjectType | GraphQLInterfaceType)[] {
  return Object.values(schema.getTypeMap()).filter(
    (type): type is GraphQLObjectType | GraphQLInterfaceType =>
      (isObjectType(type) || isInterfaceType(type)) &&
      !isIntrospectionType(type) &&
      !rootTypes.some((root) => root === type.name),
  )
}

/**
 * What a field below the root needs beside what its parent needs: null where that is nothing. Throws for a scope that
 * is not simply one of the roles, which nothing here could judge.
 */
export function ownAccess(field: Field): Access | null {
  const options = field.extensions.pothosOptions as { authScopes?: unknown; skipTypeScopes?: unknown } | undefined
  const scopes = options?.authScopes
  if (scopes === undefined) return null
  const [name, ...others] = Object.keys(scopes as object)
  if ((name === 'reader' || name === 'user' || name === 'admin') && others.length === 0) return name
  throw new Error(`${field.name}: its scopes are ${JSON.stringify(scopes)}, not one role`)
}

/** The names of the types that can be reached from these through fields that `allows` lets through, these included. */
export function reachableFrom(
  schema: GraphQLSchema,
  start: Iterable<GraphQLNamedType>,
  allows: (access: Access | null) => boolean,
): ReadonlySet<string> {
  const reached = new Set<string>()
  const visit = (type: GraphQLNamedType) => {
    if (reached.has(type.name)) return
    reached.add(type.name)
    if (isAbstractType(type)) for (const possible of schema.getPossibleTypes(type)) visit(possible)
    for (const field of fieldsOf(type)) if (allows(ownAccess(field))) visit(getNamedType(field.type))
  }
  for (const type of start) visit(type)
  return reached
}

/** What the root fields with this access give. */
export function rootResults(schema: GraphQLSchema, has: (access: Access | undefined) => boolean): GraphQLNamedType[] {
  return rootTypes.flatMap((root) =>
    fieldsOf(schema.getType(root))
      .filter(({ name }) => has(accessTo(root, name)))
      .map(({ type }) => getNamedType(type)),
  )
}
