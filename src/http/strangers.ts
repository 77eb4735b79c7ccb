import { type DocumentNode, type FragmentDefinitionNode, getOperationAST, Kind, type SelectionSetNode } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import { accessTo, type RootType } from '../graphql/access.ts'
import { RequestError } from '../platform/errors.ts'
import { toHttpRefusal } from './errors.ts'
import { asksForPage } from './graphiql.ts'
import type { Operation } from './operation.ts'

/** Whether a root field, such as `login` of `Mutation`, is there for those who have not signed in. */
export type IsOpen = (rootType: RootType, field: string) => boolean

const isOpenByDecision: IsOpen = (rootType, field) => accessTo(rootType, field) === 'open'

const rootTypes = { query: 'Query', mutation: 'Mutation', subscription: 'Subscription' } as const

/**
 * What becomes of operations by nobody: those that ask for open root fields alone go on, everything else is
 * UNAUTHENTICATED before anything is said of it. That includes `__typename`, introspection, and what is no GraphQL.
 */
export interface StrangerPolicy {
  readonly plugin: Plugin<object, Operation>
  /** Whether all that came of the operation has to be replaced by UNAUTHENTICATED. */
  refuses(operation: Operation): boolean
}

export interface StrangerPolicyOptions {
  readonly isOpen?: IsOpen | undefined
  /** What `WWW-Authenticate` says with every 401; null: nothing. */
  readonly challenge: string | null
}

export function createStrangerPolicy({ isOpen = isOpenByDecision, challenge }: StrangerPolicyOptions): StrangerPolicy {
  const admitted = new WeakSet<object>()
  const refuses = (operation: Operation) => operation.viewer === null && !admitted.has(operation)
  return {
    refuses,
    plugin: {
      onParse: () => {
        return ({ context, result }) => {
          const operation = context as unknown as Operation
          if (operation.viewer !== null) return
          if (isDocument(result) && asksOnlyFor(isOpen, result, operation.params?.operationName)) {
            admitted.add(operation)
          } else throw signInFirst()
        }
      },
      // The last word over HTTP: it replaces also what was refused before GraphQL, or as no GraphQL.
      onResponse({ request, response, serverContext, setResponse, fetchAPI }) {
        const operation = serverContext as unknown as Operation
        if (!refuses(operation) || asksForPage(request.method, request.headers.get('accept'))) {
          if (response.status === 401 && challenge !== null) response.headers.set('www-authenticate', challenge)
          return
        }
        const { status, body } = toHttpRefusal(signInFirst(), operation)
        const headers = { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' }
        setResponse(
          new fetchAPI.Response(body, {
            status,
            headers: challenge === null ? headers : { ...headers, 'www-authenticate': challenge },
          }),
        )
      },
    },
  }
}

export function signInFirst(): RequestError {
  return new RequestError('UNAUTHENTICATED', 'Sign in first.')
}

function isDocument(result: unknown): result is DocumentNode {
  return typeof result === 'object' && result !== null && 'kind' in result && result.kind === Kind.DOCUMENT
}

/** Of the operation that is to be executed; a document that leaves open which one that is asks for anything. */
function asksOnlyFor(isOpen: IsOpen, document: DocumentNode, operationName: string | null | undefined): boolean {
  const operation = getOperationAST(document, operationName)
  if (!operation) return false
  const fragments = new Map<string, FragmentDefinitionNode>()
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition)
  }
  const rootType = rootTypes[operation.operation]
  const isAllOpen = ({ selections }: SelectionSetNode): boolean =>
    selections.every((selection) => {
      switch (selection.kind) {
        case Kind.FIELD:
          return isOpen(rootType, selection.name.value)
        case Kind.INLINE_FRAGMENT:
          return isAllOpen(selection.selectionSet)
        case Kind.FRAGMENT_SPREAD: {
          const fragment = fragments.get(selection.name.value)
          // Each is looked at once, so that neither cycles nor fragments of fragments cost more than their text.
          fragments.delete(selection.name.value)
          return fragment === undefined || isAllOpen(fragment.selectionSet)
        }
        default:
          return selection satisfies never
      }
    })
  return isAllOpen(operation.selectionSet)
}
