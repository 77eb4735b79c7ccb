import {
  type GraphQLArgument,
  type GraphQLInputField,
  type GraphQLInputType,
  type GraphQLNamedType,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isAbstractType,
  isInputObjectType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
} from 'graphql'
import type { RootType } from '../../src/graphql/access.ts'
import { EveryField } from './every-field.ts'
import { idMeanings, type Meaning, values } from './operation-values.ts'
import { dataTypes, type Field, fieldsOf, rootTypes } from './schema-walk.ts'

/** A place of an operation's variables that takes an id. */
export interface IdPlace {
  /** Such as `input.threadId`. */
  readonly path: string
  readonly meaning: Meaning
  readonly isRequired: boolean
}

/** A field of the schema as an operation that can be sent, every field of its result selected. */
export interface Operation {
  /** Such as `Mutation.sendMessage`, `Query.node (Thread)` or, of a field below the root, `Thread.branch`. */
  readonly name: string
  readonly rootType: RootType
  readonly rootField: string
  readonly document: string
  readonly places: readonly IdPlace[]
  /** With these ids at their paths; optional places that have none are left out. */
  variables(ids: Readonly<Record<string, string>>): Record<string, unknown>
}

type Argument = GraphQLArgument | GraphQLInputField

/**
 * Every root field of the schema, and every field below the root that takes an id. Throws where it takes something that
 * `operation-values.ts` has no line for, and says which.
 */
export function operationsOf(schema: GraphQLSchema): readonly Operation[] {
  const atRoot = rootTypes.flatMap((root) =>
    fieldsOf(schema.getType(root)).flatMap((field) =>
      resultTypes(schema, field).map((of) => operationOf(schema, root, field, of)),
    ),
  )
  const below = dataTypes(schema).flatMap((type) =>
    fieldsOf(type)
      .filter(({ args }) => args.some((argument) => placesOf(type.name, [argument]).length > 0))
      .map((field) => fieldOfNode(schema, type.name, field)),
  )
  return [...atRoot, ...below]
}

/**
 * What is selected of a field, one for each operation: of `Node`, one of its types at a time, since their fields of the
 * same name differ in type.
 */
function resultTypes(schema: GraphQLSchema, { type }: Field): readonly GraphQLNamedType[] {
  const named = getNamedType(type)
  return named.name === 'Node' && isAbstractType(named) ? schema.getPossibleTypes(named) : [named]
}

function operationOf(schema: GraphQLSchema, rootType: RootType, field: Field, of: GraphQLNamedType): Operation {
  const coordinate = `${rootType}.${field.name}`
  const [selection, fragments] = selectionOf(schema, of)
  const isOneOfSeveral = of !== getNamedType(field.type)
  const operation = {
    name: isOneOfSeveral ? `${coordinate} (${of.name})` : coordinate,
    rootType,
    rootField: field.name,
    document: `${rootType.toLowerCase()}${declarations(field)} { ${call(field)}${selection} }\n${fragments}`,
    // What asks for any kind of thing asks, here, for the one that is selected.
    places: placesOf(coordinate, field.args, isOneOfSeveral ? of.name : null),
    variables: (ids: Readonly<Record<string, string>>) => variablesOf(coordinate, field.args, ids),
  }
  requireValues(operation)
  return operation
}

/** A field of something that has an id, reached through `node`; `on` is the place of that id. */
function fieldOfNode(schema: GraphQLSchema, typeName: string, field: Field): Operation {
  const coordinate = `${typeName}.${field.name}`
  const meaning = idMeanings[typeName]
  const type = schema.getType(typeName)
  if (meaning === undefined || !isObjectType(type) || !type.getInterfaces().some(({ name }) => name === 'Node')) {
    throw new Error(`${coordinate} takes an id, and the matrix does not know how to reach it`)
  }
  const [selection, fragments] = selectionOf(schema, getNamedType(field.type))
  const parameters = declarations(field).replace('(', '($on: ID!, ')
  const operation = {
    name: coordinate,
    rootType: 'Query' as const,
    rootField: 'node',
    document: `query${parameters} { node(id: $on) { ... on ${typeName} { ${call(field)}${selection} } } }\n${fragments}`,
    places: [{ path: 'on', meaning, isRequired: true }, ...placesOf(coordinate, field.args)],
    variables: (ids: Readonly<Record<string, string>>) => ({
      on: ids.on,
      ...variablesOf(coordinate, field.args, ids),
    }),
  }
  requireValues(operation)
  return operation
}

/** Fails now, and not in the middle of the matrix, where a value is missing. */
function requireValues({ places, variables }: Pick<Operation, 'places' | 'variables'>): void {
  variables(Object.fromEntries(places.filter(namesOwned).map(({ path }) => [path, 'id'])))
}

/** Whether a place can name what is a user's. */
export function namesOwned({ meaning }: Pick<IdPlace, 'meaning'>): boolean {
  return !['model', 'provider', 'mcpServer', 'free'].includes(meaning)
}

function selectionOf(schema: GraphQLSchema, type: GraphQLNamedType): readonly [string, string] {
  if (isLeafType(type)) return ['', '']
  const everyField = new EveryField(schema)
  return [` { ${everyField.spread(type.name, 2)} }`, everyField.fragments]
}

function declarations({ args }: Field): string {
  return args.length === 0 ? '' : `(${args.map(({ name, type }) => `$${name}: ${type}`).join(', ')})`
}

function call({ name, args }: Field): string {
  return args.length === 0
    ? name
    : `${name}(${args.map((argument) => `${argument.name}: $${argument.name}`).join(', ')})`
}

/** With `typeName`, ids are of things of that type, whatever their names. */
function placesOf(
  coordinate: string,
  inputs: readonly Argument[],
  typeName: string | null = null,
  prefix = '',
): readonly IdPlace[] {
  return inputs.flatMap((input) => {
    const type = getNamedType(input.type)
    const path = `${prefix}${input.name}`
    if (isInputObjectType(type)) return placesOf(type.name, Object.values(type.getFields()), typeName, `${path}.`)
    if (type.name !== 'ID') return []
    const meaning = meaningOf(coordinate, typeName ?? input.name)
    return [{ path, meaning, isRequired: isNonNullType(input.type) }]
  })
}

function meaningOf(coordinate: string, name: string): Meaning {
  const meaning = idMeanings[`${coordinate}.${name}`] ?? idMeanings[name]
  if (meaning !== undefined) return meaning
  throw new Error(
    `${coordinate}.${name} is an id, and the matrix does not know of what: give it a line in \`idMeanings\` of test/support/operation-values.ts`,
  )
}

function variablesOf(
  coordinate: string,
  inputs: readonly Argument[],
  ids: Readonly<Record<string, string>>,
  prefix = '',
) {
  const entries = inputs.map((input) => [input.name, givenFor(coordinate, input, ids, prefix)] as const)
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined))
}

function givenFor(coordinate: string, input: Argument, ids: Readonly<Record<string, string>>, prefix: string): unknown {
  const path = `${prefix}${input.name}`
  const named = getNamedType(input.type)
  const isMeant = Object.keys(ids).some((place) => place === path || place.startsWith(`${path}.`))
  const inLists = (value: unknown) => wrap(input.type, value)
  const value = values[`${coordinate}.${input.name}`]
  if (value !== undefined) return value
  if (named.name === 'ID' && ids[path] !== undefined) return inLists(ids[path])
  if (isInputObjectType(named) && (isMeant || isNonNullType(input.type))) {
    return inLists(variablesOf(named.name, Object.values(named.getFields()), ids, `${path}.`))
  }
  // A variable of a required type has to be given, though what it is for has a default.
  if (!isNonNullType(input.type) || input.defaultValue !== undefined) return input.defaultValue
  throw new Error(
    `${coordinate}.${input.name}: ${input.type} is required, and the matrix has nothing to give: add it to \`values\` of test/support/operation-values.ts`,
  )
}

function wrap(type: GraphQLInputType, value: unknown): unknown {
  const nullable = getNullableType(type)
  return isListType(nullable) ? [wrap(nullable.ofType, value)] : value
}
