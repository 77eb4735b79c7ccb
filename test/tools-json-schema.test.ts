import { afterAll, describe, expect, it } from 'vitest'
import type { JsonObject, JsonValue } from '../src/platform/json.ts'
import { createJsonSchemas } from '../src/platform/json-schema.ts'
import { silentLog } from './support/database.ts'

// Schemas are anybody's: of MCP servers, of clients. What they do to the thread that checks them is theirs alone.

const schemas = createJsonSchemas({ log: silentLog })
afterAll(() => schemas[Symbol.asyncDispose]())

const never = new AbortController().signal
const check = (schema: JsonObject, value: JsonValue) => schemas.check(schema, value, never)

const place = {
  type: 'object',
  properties: {
    city: { type: 'string', minLength: 1 },
    unit: { enum: ['celsius', 'fahrenheit'] },
    days: { type: 'array', items: { type: 'string', format: 'date' } },
  },
  required: ['city'],
  additionalProperties: false,
} as const

/** Each of them takes for ever by itself. */
const endless: Readonly<Record<string, readonly [JsonObject, JsonValue]>> = {
  'a pattern that backtracks': [{ pattern: '^(a+)+$' }, `${'a'.repeat(50)}!`],
  'branches that double with each level': [doubling(40), 'neither'],
  'items that all have to differ': [{ uniqueItems: true }, Array.from({ length: 60_000 }, (_, index) => [index])],
}

function doubling(levels: number): JsonObject {
  const level = (index: number) => ({ anyOf: [{ $ref: `#/$defs/d${index + 1}` }, { $ref: `#/$defs/d${index + 1}` }] })
  const defs = Array.from({ length: levels }, (_, index) => [`d${index}`, level(index)] as const)
  return { $ref: '#/$defs/d0', $defs: { ...Object.fromEntries(defs), [`d${levels}`]: { type: 'number' } } }
}

function nested(depth: number): JsonObject {
  let value: JsonObject = {}
  for (let level = 0; level < depth; level++) value = { properties: value }
  return value
}

describe('a check', () => {
  it('says nothing of what fits', async () => {
    expect(await check(place, { city: 'Zürich', unit: 'celsius', days: ['2026-02-28'] })).toBe(null)
  })

  it.each([
    [{}, 'must have city.'],
    [{ city: '' }, 'city must NOT have fewer than 1 characters.'],
    [{ city: 1 }, 'city must be string.'],
    [{ city: 'Bern', unit: 'kelvin' }, 'unit must be one of "celsius", "fahrenheit".'],
    [{ city: 'Bern', town: 1 }, 'must not have town; it takes city, unit, days.'],
    [{ city: 'Bern', days: ['2026-02-28', '2026-02-30'] }, 'days.1 must match format "date".'],
    [{ unit: 'kelvin' }, 'must have city; unit must be one of "celsius", "fahrenheit".'],
    ['Bern', 'must be object.'],
  ])('names the fields of %j and what they take', async (value, problem) => {
    expect(await check(place, value)).toBe(problem)
  })

  it('says it in one line of bounded length, whatever the names', async () => {
    const names = Array.from({ length: 200 }, (_, index) => `line\n${index}${'x'.repeat(500)}`)
    const problem = await check({ required: names, enum: names }, {})
    expect(problem).not.toMatch(/[\n\r]/)
    expect(problem?.length).toBeLessThan(2_000)
  })

  it('takes a schema for what its draft makes of it', async () => {
    const tuple = { items: [{ type: 'number' }, { type: 'string' }] }
    expect(await check({ $schema: 'http://json-schema.org/draft-07/schema#', ...tuple }, [1, 2])).toBe(
      '1 must be string.',
    )
    expect(await check({ prefixItems: tuple.items }, [1, 2])).toBe('1 must be string.')
    expect(await check({ $schema: 'https://json-schema.org/draft/2020-12/schema', ...tuple }, [1, 2])).toContain(
      'is no JSON Schema',
    )
  })

  it('keeps schemas apart that name themselves alike', async () => {
    const $id = 'https://example.com/schema'
    expect(await check({ $id, type: 'string' }, 'text')).toBe(null)
    expect(await check({ $id, type: 'number' }, 'text')).toBe('must be number.')
  })

  it('takes patterns that are none of Unicode, but JavaScript’s', async () => {
    expect(await check({ pattern: '^[\\w-.]+$' }, 'a-b.c')).toBe(null)
    expect(await check({ pattern: '^\\p{Lu}' }, 'é')).toBe('must match pattern "^\\p{Lu}".')
  })
})

describe('a schema that cannot be used', () => {
  it.each<[string, JsonObject, RegExp]>([
    ['is none', { type: 'text' }, /^The schema is no JSON Schema: type must be one of/],
    ['has code where a number belongs', { maxLength: '0;process.exit()' }, /maxLength must be integer/],
    ['has a pattern that is none', { pattern: '(' }, /Invalid regular expression/],
    ['points to another host', { $ref: 'http://127.0.0.1:9/schema.json' }, /can't resolve reference/],
    ['points to a file', { $ref: 'file:///etc/passwd' }, /can't resolve reference/],
    ['points to nothing', { $ref: '#/$defs/missing' }, /can't resolve reference/],
    ['goes round in a circle', { $ref: '#' }, /cannot be (used|checked)/],
    [
      'goes round in a wider circle',
      { $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } }, $ref: '#/$defs/a' },
      /cannot be (used|checked)/,
    ],
    ['is nested too deep', nested(100), /nested more than 64 deep/],
    ['is nested a hundred thousand deep', nested(100_000), /larger than|nested too deep/],
    ['has five megabytes', { description: 'x'.repeat(5_000_000) }, /larger than 262144 characters/],
  ])('is a problem by itself where it %s', async (_, schema, problem) => {
    expect(await check(schema, 'value')).toMatch(problem)
    expect(await check(place, { city: 'Zürich' })).toBe(null)
  })

  it('is told from one that can, without a value', async () => {
    expect(await schemas.checkSchema(place, never)).toBe(null)
    expect(await schemas.checkSchema({ type: 'text' }, never)).toMatch(/is no JSON Schema/)
  })
})

describe('a check that would take for ever', () => {
  it('ends as a problem, and fails none of those that wait behind it', async () => {
    const checks = Object.values(endless).flatMap(([schema, value]) => [
      check(schema, value),
      check(place, { city: 'Zürich' }),
    ])
    const tooLong = 'It cannot be checked: the schema takes too long.'
    expect(await Promise.all(checks)).toEqual(Object.keys(endless).flatMap(() => [tooLong, null]))
  })

  it('holds nobody up the next time', async () => {
    const [schema, value] = endless['a pattern that backtracks'] ?? [{}, null]
    const order: string[] = []
    await Promise.all([
      check(schema, value).then(() => order.push('endless')),
      check(place, { city: 'Zürich' }).then(() => order.push('other')),
    ])
    expect(order).toEqual(['other', 'endless'])
  })

  it('is given up at once when its signal is aborted', async () => {
    const [schema, value] = endless['a pattern that backtracks'] ?? [{}, null]
    const controller = new AbortController()
    const checks = [schemas.check(schema, value, controller.signal), schemas.check(schema, value, controller.signal)]
    controller.abort(new Error('gone'))
    expect((await Promise.allSettled(checks)).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    await expect(check(place, { city: 'Zürich' })).resolves.toBe(null)
  })
})

it('a check that takes all memory ends as a problem, and the next is done', async () => {
  await using own = createJsonSchemas({ log: silentLog, limitMs: 60_000, maxMemoryMb: 32 })
  const value = Array.from({ length: 300_000 }, () => 1)
  expect(await own.check({ items: { type: 'string' } }, value, never)).toBe(
    'It cannot be checked: it takes too much memory.',
  )
  expect(await own.check(place, { city: 'Zürich' }, never)).toBe(null)
})

it('no more checks wait than may, and what is disposed of checks no more', async () => {
  const own = createJsonSchemas({ log: silentLog, maxWaiting: 2 })
  const checks = [1, 2, 3].map(() => own.check(place, {}, never))
  expect(await Promise.all(checks)).toEqual([
    'must have city.',
    'must have city.',
    'It cannot be checked: too many checks wait.',
  ])
  await own[Symbol.asyncDispose]()
  expect(await own.check(place, {}, never)).toBe('It cannot be checked: the server is stopping.')
})
