// biome-ignore-all lint/suspicious/noTemplateCurlyInString: YAML's variables look like template literals

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { withSslMode } from '../src/platform/config/database-url.ts'
import { describeConfig } from '../src/platform/config/describe.ts'
import { createConfig, loadConfig } from '../src/platform/config/load.ts'
import { ConfigPlaces } from './support/config-places.ts'

let places: ConfigPlaces
beforeEach(() => {
  places = new ConfigPlaces()
})
afterEach(() => places[Symbol.dispose]())

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
    const { config, sources } = places.load({ ...lower.places, ...higher.places })
    expect(config.port).toBe(higher.port)
    expect(sources.get('port')).toBe(higher.source)
  })

  test('it is decided key by key, inside sections too', () => {
    const { config } = places.load({
      yaml: 'stream: { flushMs: 1, retain: 2 }\nruns: { maxSteps: 3 }',
      env: { PARLEY_STREAM_FLUSH_MS: '9' },
    })
    expect(config.stream).toEqual({ flushMs: 9, heartbeatMs: 10_000, retain: 2, queueSize: 256 })
    expect(config.runs.maxSteps).toBe(3)
  })

  test('an empty variable sets nothing, and hides the one in .env', () => {
    const dotenv = 'PARLEY_PORT=5002\nOPENAI_API_KEY=from-dotenv'
    const config = places.configOf({ env: { PARLEY_PORT: '', OPENAI_API_KEY: '' }, dotenv })
    expect(config.port).toBe(4000)
    expect(config.providers.map(({ id }) => id)).toEqual(['demo'])
  })

  test('PARLEY_DATABASE_URL wins over DATABASE_URL in one place, and a higher place over both', () => {
    const own = { PARLEY_DATABASE_URL: 'postgresql://own/a', DATABASE_URL: 'postgresql://customary/b' }
    expect(places.configOf({ env: own }).database.url).toBe('postgresql://own/a')
    const both = { env: { DATABASE_URL: 'postgresql://customary/b' }, dotenv: 'PARLEY_DATABASE_URL=postgresql://own/a' }
    expect(places.configOf(both).database.url).toBe('postgresql://customary/b')
  })

  test('the YAML file is the one that --config, PARLEY_CONFIG or .env names', () => {
    for (const [name, port] of Object.entries({ flag: 1, env: 2, dotenv: 3 })) {
      writeFileSync(join(places.directory, `${name}.yaml`), `port: ${port}`)
    }
    const dotenv = 'PARLEY_CONFIG=dotenv.yaml'
    expect(places.configOf({ dotenv }).port).toBe(3)
    expect(places.configOf({ dotenv, env: { PARLEY_CONFIG: 'env.yaml' } }).port).toBe(2)
    expect(places.configOf({ dotenv, env: { PARLEY_CONFIG: 'env.yaml' }, argv: ['--config=flag.yaml'] }).port).toBe(1)
  })

  test('the environment of the process is neither read nor changed', () => {
    const before = { ...process.env }
    places.configOf({ dotenv: 'PARLEY_PORT=5002\nNEW_VARIABLE=1' })
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
    const { config, positionals } = places.load({
      argv: ['serve', '--port=0', '--host', '::1', '--trust-proxy', '--no-llm-enabled', '--', '--not-a-flag'],
    })
    expect(config).toMatchObject({ port: 0, host: '::1', trustProxy: true, llm: { enabled: false } })
    expect(positionals).toEqual(['serve', '--not-a-flag'])
  })

  test("a command's own flags are let through", () => {
    const loaded = loadConfig({
      argv: ['chat', 'Hello', '--thread', 'thread_1', '--json', '--tag', 'a', '--tag', 'b', '--port', '1'],
      env: {},
      cwd: places.directory,
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
    expect(places.configOf({ env: { PARLEY_TRUST_PROXY: text } }).trustProxy).toBe(value)
  })

  test('lists are separated by commas, and origins are written as browsers send them', () => {
    const env = { PARLEY_CORS_ORIGINS: 'https://App.example.com/, http://localhost:5173,' }
    expect(places.configOf({ env }).corsOrigins).toEqual(['https://app.example.com', 'http://localhost:5173'])
    expect(places.configOf({ argv: ['--cors-origins', 'http://a', '--cors-origins', '*'] }).corsOrigins).toEqual([
      'http://a',
      '*',
    ])
  })

  test('what is deeper than a list is JSON', () => {
    const env = { PARLEY_PROVIDERS: '[{"id":"local","kind":"openai","timeoutMs":"5"}]' }
    expect(places.configOf({ env }).providers[0]).toMatchObject({ id: 'local', timeoutMs: 5 })
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
    expect(places.configOf({ env: { PARLEY_RETENTION_DELETED_DAYS: '0' } }).retention.deletedDays).toBeNull()
    expect(places.configOf({ yaml: 'retention: { deletedDays: null }' }).retention.deletedDays).toBeNull()
    expect(places.configOf({}).retention.deletedDays).toBe(30)
  })

  test('a key without a value in YAML is as if left out', () => {
    expect(places.configOf({ yaml: 'port:\nstream:\nproviders:\ndatabase: { url: }' })).toEqual(places.configOf({}))
  })

  test('models are given by name or with their context window', () => {
    const yaml = 'providers: [{ id: local, kind: openai, models: [small, { name: big, contextWindow: 8192 }] }]'
    expect(places.configOf({ yaml }).providers[0]?.models).toEqual([
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
    const config = places.configOf({ yaml, env: { MY_PORT: '99', A: 'env' }, dotenv: 'A=dotenv\nB=b' })
    expect(config.port).toBe(99)
    expect(config.providers[0]).toMatchObject({ apiKey: 'env-b', headers: { 'X-Team': 'b' } })
    expect(config.context.instructions).toBe('say ${A} and $A')
  })

  test('one that is not set is a problem that names the key and the variable', () => {
    const yaml = 'providers:\n  - id: work\n    kind: openai\n    apiKey: ${WORK_KEY}'
    expect(places.problemsOf({ yaml })).toEqual([
      {
        key: 'providers[0].apiKey',
        source: 'parley.yaml, line 4',
        message: 'the environment variable WORK_KEY, which this refers to, is not set',
        example: 'WORK_KEY=…',
      },
    ])
  })

  test('a PARLEY_ variable that the file refers to is known', () => {
    expect(places.configOf({ yaml: 'host: ${PARLEY_MY_HOST}', env: { PARLEY_MY_HOST: '::1' } }).host).toBe('::1')
  })

  test('what is no variable name is a problem', () => {
    expect(places.problemsOf({ yaml: 'host: "${not this}"' }).map(({ key }) => key)).toEqual(['host'])
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
    const url = new URL(places.configOf({ env }).database.url ?? '')
    expect([url.hostname, url.port, decodeURIComponent(url.pathname)]).toEqual(['db.internal', '6432', '/my chat'])
    expect([url.username, url.password].map(decodeURIComponent)).toEqual(['me@work', 'p/a?s#s:w@rd'])
  })

  test('a URL and a host exclude each other, wherever they are written', () => {
    const found = places.problemsOf({
      env: { DATABASE_URL: 'postgresql://u:hunter2@h/d' },
      yaml: 'database: { host: h }',
    })
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
