import { GraphQLError, Kind, type ValueNode } from 'graphql'
import { z } from 'zod'
import { builder } from './builder.ts'

/** With its offset from UTC: without, it would be a moment of wherever the server stands. */
const dateTime = z.iso.datetime({ offset: true })

builder.scalarType('DateTime', {
  description:
    'A moment in UTC with milliseconds, as ISO 8601 writes it: `2026-01-31T12:00:00.000Z`. Where one is given, it may have another offset, such as `+02:00`.',
  specifiedByURL: 'https://scalars.graphql.org/andimarek/date-time.html',
  serialize: (value) => {
    const date = value instanceof Date ? value : new Date(value)
    return date.toISOString() as never
  },
  parseValue: (value) => {
    const date = new Date(dateTime.safeParse(value).data ?? Number.NaN)
    // What PostgreSQL and ISO 8601 write alike.
    if (!(date.getUTCFullYear() >= 1 && date.getUTCFullYear() <= 9999)) {
      throw new GraphQLError('A DateTime is text such as 2026-01-31T12:00:00.000Z.')
    }
    return date
  },
})

builder.scalarType('File', {
  description: 'A file of a multipart request.',
  specifiedByURL: 'https://github.com/jaydenseric/graphql-multipart-request-spec',
  serialize: () => {
    throw new GraphQLError('A File is only ever sent to the server.')
  },
  parseValue: (value) => {
    if (isFile(value)) return value
    throw new GraphQLError('A File is a part of a multipart request, to which its variable is mapped.')
  },
  parseLiteral: (node) => {
    throw new GraphQLError('A File is given as a variable.', { nodes: node })
  },
})

builder.scalarType('JSON', {
  description: 'Any JSON value.',
  specifiedByURL: 'https://www.rfc-editor.org/rfc/rfc8259',
  serialize: (value) => value,
  parseValue: (value) => value,
  parseLiteral: jsonOfLiteral,
})

/** Whatever made it: there are several classes of that name. JSON has no functions. */
function isFile(value: unknown): value is File {
  return (
    typeof value === 'object' && value !== null && 'arrayBuffer' in value && typeof value.arrayBuffer === 'function'
  )
}

/** A literal's value. `Object.fromEntries` makes `__proto__` a key like any other, so that it can be refused later. */
function jsonOfLiteral(node: ValueNode, variables?: Record<string, unknown> | null): unknown {
  switch (node.kind) {
    case Kind.NULL:
      return null
    case Kind.BOOLEAN:
    case Kind.STRING:
      return node.value
    case Kind.INT:
    case Kind.FLOAT:
      return Number(node.value)
    case Kind.ENUM:
      throw new GraphQLError(`JSON has no ${node.value}; text wants quotation marks.`, { nodes: node })
    case Kind.LIST:
      return node.values.map((item) => jsonOfLiteral(item, variables))
    case Kind.OBJECT:
      return Object.fromEntries(node.fields.map(({ name, value }) => [name.value, jsonOfLiteral(value, variables)]))
    case Kind.VARIABLE:
      return variables?.[node.name.value]
  }
}
