import {
  type ExecutionArgs,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLObjectType,
  getNullableType,
  getOperationAST,
  getVariableValues,
  isInterfaceType,
  isObjectType,
  Kind,
} from 'graphql'
import { collectFields, collectSubfields } from 'graphql/execution/collectFields.js'
import type { ReasoningDelta, TextDelta } from '../providers/model-event.ts'
import type { Recorded } from '../runs/run-event.ts'

export type RecordedDelta = Recorded<TextDelta | ReasoningDelta>

/** A delta's payload as JSON, byte for byte what executing the operation gives. */
export type DeltaTemplate = (delta: RecordedDelta) => string

/** Of an operation; undefined where its selection holds more than a delta's own fields: then it must be executed. */
export type DeltaTemplates = Readonly<Partial<Record<RecordedDelta['event']['type'], DeltaTemplate>>>

const graphqlTypes = { 'text-delta': 'TextDelta', 'reasoning-delta': 'ReasoningDelta' } as const

type FieldTemplate = (delta: RecordedDelta) => string

/** How each field of a delta is written, which is how its resolver and its scalar write it. */
const fields = new Map<string, FieldTemplate>([
  ['cursor', ({ cursor }) => JSON.stringify(cursor)],
  ['threadId', ({ threadId }) => JSON.stringify(threadId)],
  ['runId', ({ runId }) => JSON.stringify(runId)],
  ['at', ({ at }) => `"${new Date(at).toISOString()}"`],
  ['messageId', ({ messageId }) => JSON.stringify(messageId)],
  ['offset', ({ offset }) => String(offset)],
  ['text', ({ event }) => JSON.stringify(event.text)],
])

export function createDeltaTemplates(args: ExecutionArgs): DeltaTemplates {
  const { schema, document } = args
  const operation = getOperationAST(document, args.operationName)
  const rootType = schema.getSubscriptionType()
  if (!operation || !rootType) return {}
  const { coerced } = getVariableValues(schema, operation.variableDefinitions ?? [], args.variableValues ?? {})
  if (!coerced) return {}
  const fragments: Record<string, FragmentDefinitionNode> = Object.create(null)
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments[definition.name.value] = definition
  }
  const [root] = collectFields(schema, fragments, coerced, rootType, operation.selectionSet)
  if (!root) return {}
  const [responseName, nodes] = root
  if (nodes[0]?.name.value !== 'messageStream') return {}
  const eventType = getNullableType(rootType.getFields().messageStream?.type)
  if (!isInterfaceType(eventType)) return {}

  const templateFor = (name: string): DeltaTemplate | undefined => {
    const type = schema.getType(name)
    if (!isObjectType(type)) return undefined
    return template(responseName, type, collectSubfields(schema, fragments, coerced, type, nodes))
  }
  const templates: { -readonly [Type in keyof DeltaTemplates]: DeltaTemplate } = {}
  for (const [eventName, typeName] of Object.entries(graphqlTypes) as [keyof typeof graphqlTypes, string][]) {
    const made = templateFor(typeName)
    if (made) templates[eventName] = made
  }
  return templates
}

function template(
  root: string,
  type: GraphQLObjectType,
  selection: ReadonlyMap<string, readonly FieldNode[]>,
): DeltaTemplate | undefined {
  /** Each field's value, and the JSON that comes before it. */
  const parts: { before: string; write: FieldTemplate }[] = []
  let text = `{"data":{"${root}":{`
  let separator = ''
  for (const [responseName, nodes] of selection) {
    const name = nodes[0]?.name.value
    if (name === undefined) return undefined
    text += `${separator}"${responseName}":`
    separator = ','
    if (name === '__typename') {
      text += `"${type.name}"`
      continue
    }
    const write = fields.get(name)
    if (!write) return undefined
    parts.push({ before: text, write })
    text = ''
  }
  const end = `${text}}}}`
  return (delta) => {
    let json = ''
    for (const { before, write } of parts) json += before + write(delta)
    return json + end
  }
}
