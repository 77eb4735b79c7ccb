import {
  type DocumentNode,
  type FragmentDefinitionNode,
  Kind,
  type ParseOptions,
  type SelectionSetNode,
  type Source,
} from 'graphql'
import { RequestError } from '../platform/errors.ts'

// What graphql's own rules cost grows with the square of how often one name stands in a selection, and of the number of
// fragments: limits on tokens alone leave room for a quarter of a second. These are linear, and come before the rules.

/** In UTF-16 code units. Reading takes time for each of them, whatever they are; the longest message fits in. */
const maxLength = 300_000
/** Pairs of fields, and of fragments, that would have to be compared. */
const maxComparisons = 5_000
const maxFragments = 150

type Parse = (source: string | Source, options?: ParseOptions) => DocumentNode

/** Parses a document that is no longer, no deeper and no more repetitive than can be validated in a few milliseconds. */
export function parseWithin(parse: Parse, source: string | Source, options?: ParseOptions): DocumentNode {
  const { length } = typeof source === 'string' ? source : source.body
  if (length > maxLength) {
    throw new RequestError('TOO_LARGE', `The document has ${length} characters; at most ${maxLength} are served.`)
  }
  let document: DocumentNode
  try {
    document = parse(source, options)
  } catch (error) {
    // The parser calls itself for each level: that there are too many of them shows by its stack.
    if (error instanceof RangeError) throw new RequestError('BAD_USER_INPUT', 'The document is nested too deeply.')
    throw error
  }
  checkRepetition(document)
  return document
}

function checkRepetition({ definitions }: DocumentNode): void {
  const fragments = definitions.filter(({ kind }) => kind === Kind.FRAGMENT_DEFINITION)
  if (fragments.length > maxFragments) {
    const count = fragments.length
    throw new RequestError('BAD_USER_INPUT', `The document has ${count} fragments; at most ${maxFragments} are served.`)
  }
  let comparisons = 0
  for (const definition of definitions) {
    if (!('selectionSet' in definition)) continue
    comparisons += comparisonsIn(definition.selectionSet as FragmentDefinitionNode['selectionSet'])
    if (comparisons > maxComparisons) {
      throw new RequestError('BAD_USER_INPUT', 'The document selects the same fields, or fragments, too often.')
    }
  }
}

/** Of names, and of spreads, that stand beside each other: the square of how many there are. */
function comparisonsIn(root: SelectionSetNode): number {
  let comparisons = 0
  const sets: SelectionSetNode[] = [root]
  for (let set = sets.pop(); set !== undefined; set = sets.pop()) {
    const names = new Map<string, number>()
    let spreads = 0
    // Inline fragments are part of the selection that they stand in.
    const beside = [...set.selections]
    for (let node = beside.pop(); node !== undefined; node = beside.pop()) {
      if (node.kind === Kind.FRAGMENT_SPREAD) spreads++
      else if (node.kind === Kind.INLINE_FRAGMENT) for (const inner of node.selectionSet.selections) beside.push(inner)
      else {
        const name = node.alias?.value ?? node.name.value
        names.set(name, (names.get(name) ?? 0) + 1)
        if (node.selectionSet) sets.push(node.selectionSet)
      }
    }
    for (const count of [spreads, ...names.values()]) if (count > 1) comparisons += count * count
  }
  return comparisons
}
