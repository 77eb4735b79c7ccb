import { extendSchema, parse, validate } from 'graphql'
import { expect, test } from 'vitest'
import { createSchema } from '../src/graphql/schema.ts'
import { casesOf } from './support/isolation-cases.ts'
import { operationsOf } from './support/operations-of.ts'

// The isolation matrix is made from the schema: what makes it covers everything, and says what it cannot cover.

const schema = createSchema()
const withMore = (sdl: string) => operationsOf(extendSchema(schema, parse(sdl)))

test('every operation of the matrix is valid, so that none is refused for its own sake', () => {
  const invalid = operationsOf(schema).flatMap(({ name, document }) =>
    validate(schema, parse(document)).map(({ message }) => `${name}: ${message}`),
  )
  expect(invalid).toEqual([])
})

test('a field that is new is tried without being named, wherever its ids are', () => {
  const operations = withMore(`
    extend type Mutation { moveMessage(input: MoveInput!, runId: ID): Message! }
    extend type Thread { since(messageId: ID!): [Message!]! }
    input MoveInput { messageId: ID! to: PlaceInput }
    input PlaceInput { threadId: ID! modelId: ID }
  `)
  const move = operations.find(({ name }) => name === 'Mutation.moveMessage')
  const since = operations.find(({ name }) => name === 'Thread.since')
  if (!move || !since) throw new Error('the new fields are not among the operations')
  const own = {
    user: 'u',
    thread: 't',
    message: 'm',
    run: 'r',
    accessToken: 'a',
    toolCall: 'c',
    approval: 'p',
    grant: 'g',
    attachment: 'f',
  }
  const tried = casesOf(move, own, { ids: ['thread_1'], sets: [] }).map(({ forbidden }) => move.variables(forbidden))
  expect(tried).toEqual([
    // The message's place, with what is required beside it, and with all.
    { input: { messageId: 'thread_1', to: { threadId: 't' } } },
    { input: { messageId: 'thread_1', to: { threadId: 't' } }, runId: 'r' },
    { input: { messageId: 'm', to: { threadId: 'thread_1' } } },
    { input: { messageId: 'm', to: { threadId: 'thread_1' } }, runId: 'r' },
    { input: { messageId: 'm', to: { threadId: 't' } }, runId: 'thread_1' },
  ])
  expect(since.variables({ on: 'thread_1', messageId: 'm' })).toEqual({ on: 'thread_1', messageId: 'm' })
})

test('a field that takes what the matrix has nothing for fails it, with what to add', () => {
  expect(() => withMore('extend type Mutation { shout(volume: Int!): Boolean! }')).toThrow(
    'Mutation.shout.volume: Int! is required, and the matrix has nothing to give: add it to `values`',
  )
  expect(() => withMore('extend type Query { page(diaryId: ID!): String }')).toThrow(
    'Query.page.diaryId is an id, and the matrix does not know of what: give it a line in `idMeanings`',
  )
  expect(() => withMore('extend type Usage { of(runId: ID!): Run }')).toThrow(
    'Usage.of takes an id, and the matrix does not know how to reach it',
  )
  expect(() => withMore('type Diary implements Node { id: ID! }')).toThrow('Diary')
})
