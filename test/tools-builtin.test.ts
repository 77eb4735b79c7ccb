import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ExecuteToolDocument, ListToolsDocument } from './generated/graphql.ts'
import { createTestClient, type TestClient } from './support/client.ts'
import { startTestServer } from './support/server.ts'

const resources = new AsyncDisposableStack()
let client: TestClient
beforeAll(async () => {
  const server = resources.use(await startTestServer())
  client = resources.use(createTestClient(server))
})
afterAll(() => resources.disposeAsync())

async function execute(name: string, args: unknown) {
  return (await client.request(ExecuteToolDocument, { input: { name, arguments: args } })).executeTool
}

const calculate = (expression: string) => execute('calculator', { expression })

it('the tools that come with the server change nothing, and run unasked', async () => {
  const { tools } = await client.request(ListToolsDocument, {})
  expect(tools.map(({ name, approvalPolicy }) => [name, approvalPolicy])).toEqual([
    ['calculator', 'ALLOW'],
    ['get_current_time', 'ALLOW'],
    ['get_weather', 'ALLOW'],
  ])
  for (const { description, inputSchema } of tools) {
    expect(description).toMatch(/\.$/)
    expect(inputSchema).toMatchObject({ type: 'object', additionalProperties: false })
  }
})

describe('calculator', () => {
  it.each([
    ['1 + 2 * 3', 7],
    ['(1 + 2) * 3', 9],
    ['0.1 + 0.2', 0.3],
    ['2 ^ 3 ^ 2', 512],
    ['-2 ^ 2', -4],
    ['10 % 3', 1],
    ['20 * 15%', 3],
    ['5!', 120],
    ['2 pi', 6.28318530717959],
    ['sqrt(16) + cbrt(27)', 7],
    ['log(8, 2) + log10(1000)', 6],
    ['round(2.5678, 2)', 2.57],
    ['max(1, 2, min(9, 3))', 3],
    ['sin(pi / 2)', 1],
    ['1.5e3 + 0x10', 1516],
    ['2 ^ 53 - 1', 9007199254740991],
    [`${'1 + '.repeat(249)}1`, 250],
    [`${'('.repeat(60)}1${')'.repeat(60)}`, 1],
  ])('says what %s is', async (expression, value) => {
    expect(await calculate(expression)).toMatchObject({
      output: String(value),
      result: { expression, value },
      isError: false,
    })
  })

  it.each([
    ['1 +', 'cannot be evaluated: Unexpected end of expression'],
    ['1 / 0', 'The result is infinite, or too large.'],
    ['1000!', 'The result is infinite, or too large.'],
    ['sqrt(-1)', 'The expression has no real number as result.'],
    ['2 * x', 'there is no constant x.'],
    ['sqrt(1, 2, 3)', 'cannot be evaluated: Too many arguments'],
    [`${'('.repeat(100)}1${')'.repeat(100)}`, 'At most 64 parentheses'],
  ])('says what is wrong with %s', async (expression, problem) => {
    expect(await calculate(expression)).toMatchObject({
      output: expect.stringContaining(problem),
      result: null,
      isError: true,
    })
  })

  it.each([
    'x = 1',
    'f(x) = f(x); f(1)',
    'import("fs")',
    'evaluate("1 + 1")',
    'parse("1")',
    'createUnit("knot")',
    'sqrt.constructor("return process")()',
    '"text"',
    '"text".constructor',
    '[1, 2, 3]',
    '{ a: 1 }',
    '1:1000000000',
    'range(1, 1000000000)',
    'combinations(1000000000, 500000000)',
    'isPrime(9007199254740881)',
    'random()',
    'i',
    'true ? 1 : 2',
    '1; 2',
    'cos',
    'constructor',
    '__proto__',
    '1 and 2',
  ])('does arithmetic and nothing else: not %s', async (expression) => {
    expect(await calculate(expression)).toMatchObject({
      output: expect.stringMatching(/^The expression cannot be evaluated: \S/),
      isError: true,
    })
  })

  it('takes no expression that is longer than people write', async () => {
    const input = { name: 'calculator', arguments: { expression: `${'1+'.repeat(500)}1` } }
    const { errors } = await client.respond(ExecuteToolDocument, { input })
    expect(errors[0]).toMatchObject({ extensions: { code: 'BAD_USER_INPUT', field: 'arguments' } })
  })
})

describe('get_current_time', () => {
  it.each([
    ['UTC', 'UTC'],
    ['Europe/Zurich', 'CET|CEST|GMT\\+[12]'],
    ['America/St_Johns', 'GMT-[23]:30|NST|NDT'],
    ['Asia/Kathmandu', 'GMT\\+5:45'],
    ['Pacific/Kiritimati', 'GMT\\+14'],
  ])('tells the time in %s', async (timeZone, zone) => {
    const before = Date.now()
    const { output, result, isError } = await execute('get_current_time', { timeZone })
    const { utc, ...told } = result as { utc: string; timeZone: string; local: string }
    expect(isError).toBe(false)
    expect(Date.parse(utc)).toBeGreaterThanOrEqual(before)
    expect(Date.parse(utc)).toBeLessThanOrEqual(Date.now())
    expect(told.local).toMatch(new RegExp(`(${zone})$`))
    // No zone is off by seconds.
    expect(told.local).toContain(`:${utc.slice(17, 19)} `)
    expect(output).toContain(told.local)
    expect(output).toContain(utc)
  })

  it('tells that of UTC where nobody says which', async () => {
    expect(await execute('get_current_time', {})).toMatchObject({ result: { timeZone: 'UTC' }, isError: false })
  })

  it('knows no zone that there is not', async () => {
    const { output, isError } = await execute('get_current_time', { timeZone: 'Europe/Atlantis' })
    expect([output, isError]).toEqual([expect.stringContaining('There is no time zone "Europe/Atlantis"'), true])
  })
})

describe('get_weather', () => {
  it('says that it is made up, and is the same each time', async () => {
    const first = await execute('get_weather', { city: 'Zürich' })
    expect(first.output).toMatch(/^Example data, not a real observation: Zürich: .+ °C\.$/)
    expect(first.result).toMatchObject({ city: 'Zürich', unit: 'celsius', isExample: true })
    const again = await execute('get_weather', { city: 'Zürich' })
    expect(again).toEqual({ ...first, durationMs: again.durationMs })
    const { tools } = await client.request(ListToolsDocument, {})
    expect(tools.find(({ name }) => name === 'get_weather')?.description).toContain('made up')
  })

  it('tells the same temperature in both units', async () => {
    const [celsius, fahrenheit] = await Promise.all(
      ['celsius', 'fahrenheit'].map(async (unit) => {
        const { result } = await execute('get_weather', { city: 'Bern', unit })
        return (result as { temperature: number }).temperature
      }),
    )
    expect(fahrenheit).toBe(Math.round((celsius ?? Number.NaN) * 1.8 + 32))
  })
})
