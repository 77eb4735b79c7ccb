import { parse } from 'graphql'
import { describe, expect, test } from 'vitest'
import { createSchema } from '../src/graphql/schema.ts'
import { parseWithin } from '../src/http/document-limits.ts'
import { EveryField } from './support/every-field.ts'

const times = (count: number, part: (index: number) => string) =>
  Array.from({ length: count }, (_, i) => part(i)).join(' ')
const read = (document: string) => parseWithin(parse, document, { noLocation: true })

describe('A document is read', () => {
  test.each([
    ['that selects one name 70 times', `{ ${'a { b } '.repeat(70)} }`],
    ['of 150 fragments that are not beside each other', `{ ...F0 } ${times(150, (i) => `fragment F${i} on A { a }`)}`],
    ['with 2,000 different names', `{ ${times(2_000, (i) => `a${i}`)} }`],
    ['with one name in 500 places', `{ ${times(500, (i) => `a${i} { id }`)} }`],
    ['with a text of 290,000 characters', `{ a(b: "${'x'.repeat(290_000)}") }`],
  ])('%s', (_, document) => expect(read(document)).toEqual(parse(document, { noLocation: true })))

  test('that selects every field of the schema, three levels deep', () => {
    const every = new EveryField(createSchema())
    const document = `query { ...${every.spread('Query', 3).slice(3)} } ${every.fragments}`
    expect(read(document).definitions.length).toBeGreaterThan(20)
  })
})

describe('A document is refused', () => {
  test.each([
    ['that selects one name 71 times', `{ ${'a '.repeat(71)} }`, 'BAD_USER_INPUT'],
    ['also under one alias', `{ ${times(71, (i) => `a: b${i}`)} }`, 'BAD_USER_INPUT'],
    ['also in inline fragments', `{ ${'... on A { a } '.repeat(71)} }`, 'BAD_USER_INPUT'],
    ['also in parts', `{ ${times(20, (i) => `a${i} { ${'b '.repeat(17)} }`)} }`, 'BAD_USER_INPUT'],
    ['also in several operations', times(20, (i) => `query Q${i} { ${'b '.repeat(17)} }`), 'BAD_USER_INPUT'],
    ['that spreads 71 fragments beside each other', `{ ${times(71, (i) => `...F${i}`)} }`, 'BAD_USER_INPUT'],
    ['of 151 fragments', `{ a } ${times(151, (i) => `fragment F${i} on A { a }`)}`, 'BAD_USER_INPUT'],
    ['of more than 300,000 characters', `{ a } # ${'x'.repeat(300_000)}`, 'TOO_LARGE'],
    ['that is nested 50,000 deep', `{ a(b: ${'['.repeat(50_000)}`, 'BAD_USER_INPUT'],
  ])('%s', (_, document, code) => {
    expect(() => read(document)).toThrow(expect.objectContaining({ name: 'RequestError', code }))
  })
})
