// biome-ignore-all lint/suspicious/noTemplateCurlyInString: YAML's variables look like template literals

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { describeConfig } from '../src/platform/config/describe.ts'
import { formatProblems } from '../src/platform/config/problems.ts'
import { ConfigPlaces } from './support/config-places.ts'

let places: ConfigPlaces
beforeEach(() => {
  places = new ConfigPlaces()
})
afterEach(() => places[Symbol.dispose]())

describe('problems', () => {
  test('every problem of every place is listed at once, each with its key, its source and an example', () => {
    const yaml = [
      'prot: 1',
      'stream:',
      '  flushMS: 5',
      '  retain: many',
      'providers:',
      '  - id: Local',
      '    kind: openai',
      '    timeout: 5',
      '  - kind: mistral',
      'auth: yes',
    ].join('\n')
    const found = places.problemsOf({
      yaml,
      argv: ['--log-level', 'loud', '--hots', 'x', '--drain-ms'],
      env: { PARLEY_PORT: '70000', PARLEY_DATA_DIRR: 'x', PARLEY_TRUST_PROXY: 'maybe' },
      dotenv: 'PARLEY_CORS_ORIGINS=app.example.com\nPARLEY_QQQQQQQQQQ=1',
    })
    const listed = found.map(({ key, source, message, example }) => [key, source, message, example])
    expect(listed).toHaveLength(16)
    expect(listed).toEqual(
      expect.arrayContaining([
        ['prot', 'parley.yaml, line 1', 'unknown key; did you mean port?', 'port: 4000'],
        [
          'stream.flushMS',
          'parley.yaml, line 3',
          'unknown key; did you mean stream.flushMs?',
          'stream: { flushMs: 0 }',
        ],
        ['stream.retain', 'parley.yaml, line 4', 'expected a whole number, at least 1', 'stream: { retain: 10000 }'],
        [
          'providers[0].id',
          'parley.yaml, line 6',
          'expected lower-case letters, digits, - and _',
          'providers: [{ id: local }]',
        ],
        [
          'providers[0].timeout',
          'parley.yaml, line 8',
          'unknown key; did you mean providers[0].timeoutMs?',
          'providers: [{ timeoutMs: 60000 }]',
        ],
        ['providers[1].id', 'parley.yaml, line 9', 'missing; expected a text', 'providers: [{ id: local }]'],
        [
          'corsOrigins[0]',
          'PARLEY_CORS_ORIGINS in .env',
          'expected an origin such as https://app.example.com, or *',
          'PARLEY_CORS_ORIGINS=https://app.example.com,http://localhost:5173',
        ],
        ['PARLEY_QQQQQQQQQQ', '.env', 'unknown variable', ''],
        [
          'providers[1].kind',
          'parley.yaml, line 9',
          'expected one of openai, openai-responses, anthropic, gemini, ollama, demo',
          'providers: [{ kind: openai }]',
        ],
        ['auth', 'parley.yaml, line 10', 'expected a mapping of keys to values', 'auth: { mode: local }'],
        [
          'logLevel',
          'flag --log-level',
          'expected one of fatal, error, warn, info, debug, trace, silent',
          '--log-level info',
        ],
        ['--hots', 'command line', 'unknown flag; did you mean --host?', '--host 127.0.0.1'],
        ['drainMs', 'flag --drain-ms', 'a value is missing', '--drain-ms 30000'],
        ['port', 'environment variable PARLEY_PORT', 'expected a whole number from 0 to 65535', 'PARLEY_PORT=4000'],
        ['trustProxy', 'environment variable PARLEY_TRUST_PROXY', 'expected true or false', 'PARLEY_TRUST_PROXY=false'],
        [
          'PARLEY_DATA_DIRR',
          'environment',
          'unknown variable; did you mean PARLEY_DATA_DIR?',
          'PARLEY_DATA_DIR=.parley',
        ],
      ]),
    )
  })

  test('the example is what the variable takes, also where the fault is inside its value', () => {
    const env = { PARLEY_PROVIDERS: '[{"id":"A","kind":"x"}]', OPENAI_BASE_URL: 'localhost' }
    const whole = `PARLEY_PROVIDERS='[{"id":"local","kind":"openai","baseUrl":"http://127.0.0.1:11434/v1"}]'`
    expect(places.problemsOf({ env }).map(({ key, example }) => [key, example])).toEqual([
      ['providers[0].id', whole],
      ['providers[1].baseUrl', 'OPENAI_BASE_URL=http://127.0.0.1:11434/v1'],
      ['providers[0].kind', whole],
    ])
  })

  test('they read as one paragraph each', () => {
    const found = places.problemsOf({ env: { PARLEY_PORT: 'x' }, argv: ['--zzzzzzzzz'] })
    expect(formatProblems(found)).toBe(
      [
        'The configuration has 2 problems:',
        '',
        '  --zzzzzzzzz (command line)',
        '    unknown flag',
        '',
        '  port (environment variable PARLEY_PORT)',
        '    expected a whole number from 0 to 65535',
        '    for example: PARLEY_PORT=4000',
      ].join('\n'),
    )
  })

  test('an unknown variable in .env is one as well', () => {
    expect(places.problemsOf({ dotenv: 'PARLEY_HOSTS=1' })).toEqual([
      {
        key: 'PARLEY_HOSTS',
        source: '.env',
        message: 'unknown variable; did you mean PARLEY_HOST?',
        example: 'PARLEY_HOST=127.0.0.1',
      },
    ])
  })

  test.each([
    ['the same id twice', 'providers: [{ id: a, kind: openai }, { id: a, kind: demo }]', 'providers[1].id'],
    ['a default model of no provider', 'defaultModel: nobody/x', 'defaultModel'],
    [
      'a default model of a disabled provider',
      'defaultModel: demo/x\nproviders: [{ id: demo, enabled: false }]',
      'defaultModel',
    ],
    ['a default model without a provider', 'defaultModel: gpt', 'defaultModel'],
    ['a pool whose least is above its most', 'database: { poolMin: 5, poolSize: 2 }', 'database.poolMin'],
    ['a number where a text is wanted', 'database: { password: 12345 }', 'database.password'],
    ['a key that is a prototype', '__proto__: { port: 1 }', '__proto__'],
    ['an inherited name', 'constructor: 1', 'constructor'],
    [
      'a model that is neither a name nor a mapping',
      'providers: [{ id: a, kind: demo, models: [3] }]',
      'providers[0].models[0]',
    ],
    ['a list as the whole file', '- port: 1', 'parley.yaml'],
    ['a key twice', 'port: 1\nport: 2', 'parley.yaml'],
  ])('%s is refused', (_what, yaml, key) => {
    expect(places.problemsOf({ yaml }).map((problem) => problem.key)).toEqual([key])
  })

  test('a file that was asked for must exist, the default one need not', () => {
    expect(places.problemsOf({})).toEqual([])
    expect(places.problemsOf({ env: { PARLEY_CONFIG: 'gone.yaml' } })).toEqual([
      {
        key: 'config',
        source: 'environment variable PARLEY_CONFIG',
        message: 'no such file: gone.yaml',
        example: 'PARLEY_CONFIG=parley.yaml',
      },
    ])
  })

  test('they never hold a secret', () => {
    const secret = 'hunter2'
    const found = [
      ...places.problemsOf({ env: { DATABASE_URL: `mysql://u:${secret}@h/d`, OPENAI_API_KEY: `${secret} ${secret}` } }),
      ...places.problemsOf({ env: { PARLEY_PROVIDERS: `[{"apiKey":${secret}}]`, PARLEY_PORT: secret } }),
      ...places.problemsOf({ argv: [`--api-key=${secret}`, '--database-password'] }),
      ...places.problemsOf({ yaml: `providers: [{ id: a, kind: openai, apiKey: "${secret}\n` }),
      ...places.problemsOf({
        yaml: `providers: [{ id: a, kind: ${secret}, apiKey: [${secret}], headers: ${secret} }]`,
      }),
      ...places.problemsOf({ yaml: 'port: ${S}\ndatabase: { url: "${S}" }', env: { S: secret } }),
    ]
    expect(found.length).toBeGreaterThanOrEqual(12)
    expect(JSON.stringify(found)).not.toContain(secret)
  })
})

describe('documents', () => {
  test('.env.example and docs/configuration.md are what the schema gives', () => {
    const script = new URL('../scripts/env-example.ts', import.meta.url).pathname
    expect(() => execFileSync(process.execPath, [script, '--check'], { stdio: 'pipe' })).not.toThrow()
  })

  test('every line of .env.example is valid when it is uncommented', () => {
    const content = readFileSync(new URL('../.env.example', import.meta.url), 'utf8')
    const lines = content.split('\n').filter((line) => /^# [A-Z_]+=/.test(line))
    expect(lines.length).toBeGreaterThan(describeConfig().keys.length)
    for (const line of lines) {
      const variable = line.slice(2)
      const needsKey = variable.startsWith('PARLEY_DEFAULT_MODEL') ? { OPENAI_API_KEY: 'sk-1' } : {}
      const config = variable.startsWith('PARLEY_CONFIG') ? { yaml: '' } : {}
      expect(
        places.problemsOf({ env: { ...needsKey, ...parseEnv(variable) } as Record<string, string>, ...config }),
        variable,
      ).toEqual([])
    }
  })
})
