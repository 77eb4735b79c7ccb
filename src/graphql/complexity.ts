import { complexityFromQuery } from '@pothos/plugin-complexity'
import { type DocumentNode, type ExecutionArgs, GraphQLError, type GraphQLSchema, Kind } from 'graphql'
import { RequestError } from '../platform/errors.ts'

/**
 * Refuses an operation that could cost too much, before anything of it is executed: each field costs 1, and a list's
 * selection counts once for each item that may come. Throws BAD_USER_INPUT.
 */
export function checkComplexity(
  { schema, document, operationName, variableValues }: ExecutionArgs,
  maxComplexity: number,
): void {
  // Only the operation that is to run: a document may hold several.
  const definitions = document.definitions.filter(
    (definition) =>
      definition.kind !== Kind.OPERATION_DEFINITION || !operationName || definition.name?.value === operationName,
  )
  if (!definitions.some(({ kind }) => kind === Kind.OPERATION_DEFINITION)) return
  const complexity = costOf({ ...document, definitions }, schema, variableValues ?? {})
  if (complexity > maxComplexity)
    throw new RequestError(
      'BAD_USER_INPUT',
      `The operation costs ${complexity}; at most ${maxComplexity} is served. Ask for less, or for smaller pages.`,
    )
}

function costOf(document: DocumentNode, schema: GraphQLSchema, variables: Readonly<Record<string, unknown>>): number {
  try {
    return complexityFromQuery(document, { schema, variables: { ...variables } }).complexity
  } catch (error) {
    // Variables that do not fit: the execution says so, and costs nothing.
    if (error instanceof GraphQLError) return 0
    throw error
  }
}
