// biome-ignore-all lint/suspicious/noTemplateCurlyInString: YAML's variables look like template literals

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { withSslMode } from '../src/platform/config/database-url.ts'
import { describeConfig } from '../src/platform/config/describe.ts'
import { createConfig, loadConfig } from '../src/platform/config/load.ts'
import { ConfigError, type ConfigProblem, formatProblems } from '../src/platform/config/problems.ts'

interface Places {
  argv?: string[]
  env?: Record<string, string>
  dotenv?: string
  yaml?: string
}

let cwd: string
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'parley-config-'))
})
afterEach(() => rmSync(cwd, { recursive: true }))

function load({ argv = [], env = {}, dotenv, yaml }: Places) {
  for (const [name, content] of Object.entries({ '.env': dotenv, 'parley.yaml': yaml })) {
    if (content === undefined) rmSync(join(cwd, name), { force: true })
    else writeFileSync(join(cwd, name), content)
  }
  return loadConfig({ argv, env, cwd, providerKinds: ['openai', 'demo'] })
}

function configOf(places: Places) {
  return load(places).config
}

function problemsOf(places: Places): readonly ConfigProblem[] {
  try {
    load(places)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

describe('precedence', () => {
  const layers = [
    { name: 'default', places: {}, port: 4000, source: 'default' },
    { name: 'parley.yaml', places: { yaml: '# first\nport: 5001' }, port: 5001, source: 'parley.yaml, line 2' },
    { name: '.env', places: { dotenv: 'PARLEY_PORT=5002' }, port: 5002, source: 'PARLEY_PORT in .env' },
    {
      name: 'environment',
      places: { env: { PARLEY_PORT: '5003' } },
      port: 5003,
      source: 'environment variable PARLEY_PORT',
    },
    { name: 'flag', places: { argv: ['--port', '5004'] }, port: 5004, source: 'flag --port' },
  ]
  const pairs = layers.flatMap((lower, index) => layers.slice(index + 1).map((higher) => ({ lower, higher })))

  test.each(pairs)('$higher.name wins over $lower.name', ({ lower, higher }) => {
    const { config, sources } = load({ ...lower.places, ...higher.places })
    expect(config.port).toBe(higher.port)
    expect(sources.get('port')).toBe(higher.source)
  })

  test('it is decided key by key, inside sections too', () => {
    const { config } = load({
      yaml: 'stream: { flushMs: 1, retain: 2 }\nruns: { maxSteps: 3 }',
      env: { PARLEY_STREAM_FLUSH_MS: '9' },
    })
    expect(config.stream).toEqual({ flushMs: 9, heartbeatMs: 10_000, retain: 2, queueSize: 256 })
    expect(config.runs.maxSteps).toBe(3)
  })

  test('an empty variable sets nothing, and hides the one in .env', () => {
    const dotenv = 'PARLEY_PORT=5002\nOPENAI_API_KEY=from-dotenv'
    const config = configOf({ env: { PARLEY_PORT: '', OPENAI_API_KEY: '' }, dotenv })
    expect(config.port).toBe(4000)
    expect(config.providers.map(({ id }) => id)).toEqual(['demo'])
  })

  test('PARLEY_DATABASE_URL wins over DATABASE_URL in one place, and a higher place over both', () => {
    const own = { PARLEY_DATABASE_URL: 'postgresql://own/a', DATABASE_URL: 'postgresql://customary/b' }
    expect(configOf({ env: own }).database.url).toBe('postgresql://own/a')
    const both = { env: { DATABASE_URL: 'postgresql://customary/b' }, dotenv: 'PARLEY_DATABASE_URL=postgresql://own/a' }
    expect(configOf(both).database.url).toBe('postgresql://customary/b')
  })

  test('the YAML file is the one that --config, PARLEY_CONFIG or .env names', () => {
    for (const [name, port] of Object.entries({ flag: 1, env: 2, dotenv: 3 })) {
      writeFileSync(join(cwd, `${name}.yaml`), `port: ${port}`)
    }
    const dotenv = 'PARLEY_CONFIG=dotenv.yaml'
    expect(configOf({ dotenv }).port).toBe(3)
    expect(configOf({ dotenv, env: { PARLEY_CONFIG: 'env.yaml' } }).port).toBe(2)
    expect(configOf({ dotenv, env: { PARLEY_CONFIG: 'env.yaml' }, argv: ['--config=flag.yaml'] }).port).toBe(1)
  })

  test('the environment of the process is neither read nor changed', () => {
    const before = { ...process.env }
    configOf({ dotenv: 'PARLEY_PORT=5002\nNEW_VARIABLE=1' })
    expect({ ...process.env }).toEqual(before)
  })
})

describe('names', () => {
  const { keys } = describeConfig()

  test('a key has a name in the environment and a flag that follow from its path', () => {
    const named = new Map(keys.map((key) => [key.path, [key.env, key.flag]]))
    expect(named.get('port')).toEqual(['PARLEY_PORT', 'port'])
    expect(named.get('stream.flushMs')).toEqual(['PARLEY_STREAM_FLUSH_MS', 'stream-flush-ms'])
    expect(named.get('database.sslMode')).toEqual(['PARLEY_DATABASE_SSL_MODE', 'database-ssl-mode'])
    expect(named.get('generation.maxOutputTokens')).toEqual([
      'PARLEY_GENERATION_MAX_OUTPUT_TOKENS',
      'generation-max-output-tokens',
    ])
  })

  test('no two keys share a name, and each has a description and an example', () => {
    expect(new Set(keys.map(({ env }) => env)).size).toBe(keys.length)
    expect(keys.filter(({ description, example }) => description === '' || example === undefined)).toEqual([])
  })

  test('flags take values as the next argument, after =, or alone', () => {
    const { config, positionals } = load({
      argv: ['serve', '--port=0', '--host', '::1', '--trust-proxy', '--no-llm-enabled', '--', '--not-a-flag'],
    })
    expect(config).toMatchObject({ port: 0, host: '::1', trustProxy: true, llm: { enabled: false } })
    expect(positionals).toEqual(['serve', '--not-a-flag'])
  })

  test("a command's own flags are let through", () => {
    const loaded = loadConfig({
      argv: ['chat', 'Hello', '--thread', 'thread_1', '--json', '--tag', 'a', '--tag', 'b', '--port', '1'],
      env: {},
      cwd,
      commandFlags: {
        thread: { type: 'string' },
        json: { type: 'boolean' },
        tag: { type: 'string', multiple: true },
        model: { type: 'string' },
      },
    })
    const thread: string | undefined = loaded.flags.thread
    const tags: readonly string[] | undefined = loaded.flags.tag
    expect([thread, loaded.flags.json, tags, loaded.flags.model]).toEqual(['thread_1', true, ['a', 'b'], undefined])
    expect(loaded.positionals).toEqual(['chat', 'Hello'])
    expect(loaded.config.port).toBe(1)
  })
})

describe('values', () => {
  test.each([
    ['true', true],
    ['1', true],
    ['YES', true],
    ['false', false],
    ['0', false],
    ['no', false],
  ])('%s in the environment is %s', (text, value) => {
    expect(configOf({ env: { PARLEY_TRUST_PROXY: text } }).trustProxy).toBe(value)
  })

  test('lists are separated by commas, and origins are written as browsers send them', () => {
    const env = { PARLEY_CORS_ORIGINS: 'https://App.example.com/, http://localhost:5173,' }
    expect(configOf({ env }).corsOrigins).toEqual(['https://app.example.com', 'http://localhost:5173'])
    expect(configOf({ argv: ['--cors-origins', 'http://a', '--cors-origins', '*'] }).corsOrigins).toEqual([
      'http://a',
      '*',
    ])
  })

  test('what is deeper than a list is JSON', () => {
    const env = { PARLEY_PROVIDERS: '[{"id":"local","kind":"openai","timeoutMs":"5"}]' }
    expect(configOf({ env }).providers[0]).toMatchObject({ id: 'local', timeoutMs: 5 })
  })

  test.each([
    ['', ''],
    ['/', ''],
    ['chat', '/chat'],
    ['/chat/', '/chat'],
    ['/a/b', '/a/b'],
  ])('the base path %j is %j', (written, normalised) => {
    expect(createConfig({ basePath: written }).basePath).toBe(normalised)
  })

  test('a deleted thread is kept for ever with 0 and with null', () => {
    expect(configOf({ env: { PARLEY_RETENTION_DELETED_DAYS: '0' } }).retention.deletedDays).toBeNull()
    expect(configOf({ yaml: 'retention: { deletedDays: null }' }).retention.deletedDays).toBeNull()
    expect(configOf({}).retention.deletedDays).toBe(30)
  })

  test('a key without a value in YAML is as if left out', () => {
    expect(configOf({ yaml: 'port:\nstream:\nproviders:\ndatabase: { url: }' })).toEqual(configOf({}))
  })

  test('models are given by name or with their context window', () => {
    const yaml = 'providers: [{ id: local, kind: openai, models: [small, { name: big, contextWindow: 8192 }] }]'
    expect(configOf({ yaml }).providers[0]?.models).toEqual([
      { name: 'small', contextWindow: null },
      { name: 'big', contextWindow: 8192 },
    ])
  })
})

describe('variables in YAML', () => {
  test('${VARIABLE} is filled from the environment over .env, in any text, and parsed as its key wants it', () => {
    const yaml = [
      'port: ${MY_PORT}',
      'providers:',
      '  - { id: local, kind: openai, apiKey: "${A}-${B}", headers: { X-Team: "${B}" } }',
      'context: { instructions: "say $${A} and $A" }',
    ].join('\n')
    const config = configOf({ yaml, env: { MY_PORT: '99', A: 'env' }, dotenv: 'A=dotenv\nB=b' })
    expect(config.port).toBe(99)
    expect(config.providers[0]).toMatchObject({ apiKey: 'env-b', headers: { 'X-Team': 'b' } })
    expect(config.context.instructions).toBe('say ${A} and $A')
  })

  test('one that is not set is a problem that names the key and the variable', () => {
    const yaml = 'providers:\n  - id: work\n    kind: openai\n    apiKey: ${WORK_KEY}'
    expect(problemsOf({ yaml })).toEqual([
      {
        key: 'providers[0].apiKey',
        source: 'parley.yaml, line 4',
        message: 'the environment variable WORK_KEY, which this refers to, is not set',
        example: 'WORK_KEY=…',
      },
    ])
  })

  test('a PARLEY_ variable that the file refers to is known', () => {
    expect(configOf({ yaml: 'host: ${PARLEY_MY_HOST}', env: { PARLEY_MY_HOST: '::1' } }).host).toBe('::1')
  })

  test('what is no variable name is a problem', () => {
    expect(problemsOf({ yaml: 'host: "${not this}"' }).map(({ key }) => key)).toEqual(['host'])
  })
})

describe('providers that need no configuration', () => {
  const ids = (places: Places) => configOf(places).providers.map(({ id }) => id)

  test('the demo is always there, and OpenAI with one of its variables', () => {
    expect(ids({})).toEqual(['demo'])
    expect(ids({ env: { OPENAI_BASE_URL: 'http://127.0.0.1:1/v1' } })).toEqual(['openai', 'demo'])
    const { config } = load({ env: { OPENAI_API_KEY: 'sk-1' }, yaml: 'providers: [{ id: local, kind: openai }]' })
    expect(config.providers).toMatchObject([
      { id: 'local' },
      { id: 'openai', kind: 'openai', apiKey: 'sk-1' },
      { id: 'demo' },
    ])
  })

  test('its variables fill what a configured provider leaves out, and no more', () => {
    const env = { OPENAI_API_KEY: 'sk-env', OPENAI_BASE_URL: 'http://env/v1' }
    const yaml = 'providers: [{ id: openai, kind: openai, apiKey: sk-yaml }, { id: other, kind: openai }]'
    const { providers } = configOf({ env, yaml })
    expect(providers).toMatchObject([{ apiKey: 'sk-yaml', baseUrl: 'http://env/v1' }, { id: 'other' }, { id: 'demo' }])
    expect(providers[1]).not.toHaveProperty('apiKey')
  })

  test('the demo can be switched off', () => {
    const { providers } = configOf({ yaml: 'providers: [{ id: demo, enabled: false }]' })
    expect(providers).toMatchObject([{ id: 'demo', kind: 'demo', enabled: false }])
  })
})

describe('the database', () => {
  test('single parts make a URL, whatever characters they hold', () => {
    const env = {
      PARLEY_DATABASE_HOST: 'db.internal',
      PARLEY_DATABASE_PORT: '6432',
      PARLEY_DATABASE_NAME: 'my chat',
      PARLEY_DATABASE_USER: 'me@work',
      PARLEY_DATABASE_PASSWORD: 'p/a?s#s:w@rd',
    }
    const url = new URL(configOf({ env }).database.url ?? '')
    expect([url.hostname, url.port, decodeURIComponent(url.pathname)]).toEqual(['db.internal', '6432', '/my chat'])
    expect([url.username, url.password].map(decodeURIComponent)).toEqual(['me@work', 'p/a?s#s:w@rd'])
  })

  test('a URL and a host exclude each other, wherever they are written', () => {
    const found = problemsOf({ env: { DATABASE_URL: 'postgresql://u:hunter2@h/d' }, yaml: 'database: { host: h }' })
    expect(found).toEqual([
      {
        key: 'database.host',
        source: 'parley.yaml, line 1',
        message: 'excludes database.url, which is set too (environment variable DATABASE_URL); remove one of them',
        example: '',
      },
    ])
  })

  test.each([
    ['disable', 'sslmode=disable'],
    ['require', 'sslmode=require&uselibpqcompat=true'],
    ['no-verify', 'sslmode=no-verify'],
    ['verify-ca', 'sslmode=verify-full'],
    ['verify-full', 'sslmode=verify-full'],
  ] as const)('the TLS mode %s means to pg what it means to libpq', (sslMode, query) => {
    expect(createConfig({ database: { url: 'postgresql://h/d', sslMode } }).database.url).toBe(
      `postgresql://h/d?${query}`,
    )
  })

  test('a URL without a TLS mode stays as it is, and one with its own root certificate keeps it', () => {
    expect(withSslMode('postgresql://h/d?application_name=x%20y', undefined)).toBe(
      'postgresql://h/d?application_name=x%20y',
    )
    expect(withSslMode('postgresql://h/d?sslrootcert=ca.pem&sslmode=verify-ca', undefined)).toBe(
      'postgresql://h/d?sslrootcert=ca.pem&sslmode=verify-ca&uselibpqcompat=true',
    )
  })
})

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
    const found = problemsOf({
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
        ['providers[1].kind', 'parley.yaml, line 9', 'expected one of openai, demo', 'providers: [{ kind: openai }]'],
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
    expect(problemsOf({ env }).map(({ key, example }) => [key, example])).toEqual([
      ['providers[0].id', whole],
      ['providers[1].baseUrl', 'OPENAI_BASE_URL=http://127.0.0.1:11434/v1'],
      ['providers[0].kind', whole],
    ])
  })

  test('they read as one paragraph each', () => {
    const found = problemsOf({ env: { PARLEY_PORT: 'x' }, argv: ['--zzzzzzzzz'] })
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
    expect(problemsOf({ dotenv: 'PARLEY_HOSTS=1' })).toEqual([
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
    expect(problemsOf({ yaml }).map((problem) => problem.key)).toEqual([key])
  })

  test('a file that was asked for must exist, the default one need not', () => {
    expect(problemsOf({})).toEqual([])
    expect(problemsOf({ env: { PARLEY_CONFIG: 'gone.yaml' } })).toEqual([
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
      ...problemsOf({ env: { DATABASE_URL: `mysql://u:${secret}@h/d`, OPENAI_API_KEY: `${secret} ${secret}` } }),
      ...problemsOf({ env: { PARLEY_PROVIDERS: `[{"apiKey":${secret}}]`, PARLEY_PORT: secret } }),
      ...problemsOf({ argv: [`--api-key=${secret}`, '--database-password'] }),
      ...problemsOf({ yaml: `providers: [{ id: a, kind: openai, apiKey: "${secret}\n` }),
      ...problemsOf({ yaml: `providers: [{ id: a, kind: ${secret}, apiKey: [${secret}], headers: ${secret} }]` }),
      ...problemsOf({ yaml: 'port: ${S}\ndatabase: { url: "${S}" }', env: { S: secret } }),
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
        problemsOf({ env: { ...needsKey, ...parseEnv(variable) } as Record<string, string>, ...config }),
        variable,
      ).toEqual([])
    }
  })
})
