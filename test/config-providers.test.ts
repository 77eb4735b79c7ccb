import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ConfigPlaces, type Places } from './support/config-places.ts'

let places: ConfigPlaces
beforeEach(() => {
  places = new ConfigPlaces()
})
afterEach(() => places[Symbol.dispose]())

describe('providers that need no configuration', () => {
  const ids = (written: Places) => places.configOf(written).providers.map(({ id }) => id)

  test('the demo is always there, and OpenAI with one of its variables', () => {
    expect(ids({})).toEqual(['demo'])
    expect(ids({ env: { OPENAI_BASE_URL: 'http://127.0.0.1:1/v1' } })).toEqual(['openai', 'demo'])
    const { config } = places.load({
      env: { OPENAI_API_KEY: 'sk-1' },
      yaml: 'providers: [{ id: local, kind: openai }]',
    })
    expect(config.providers).toMatchObject([
      { id: 'local' },
      { id: 'openai', kind: 'openai', apiKey: 'sk-1' },
      { id: 'demo' },
    ])
  })

  test('its variables fill what a configured provider leaves out, and no more', () => {
    const env = { OPENAI_API_KEY: 'sk-env', OPENAI_BASE_URL: 'http://env/v1' }
    const yaml = 'providers: [{ id: openai, kind: openai, apiKey: sk-yaml }, { id: other, kind: openai }]'
    const { providers } = places.configOf({ env, yaml })
    expect(providers).toMatchObject([{ apiKey: 'sk-yaml', baseUrl: 'http://env/v1' }, { id: 'other' }, { id: 'demo' }])
    expect(providers[1]).not.toHaveProperty('apiKey')
  })

  test('the demo can be switched off', () => {
    const { providers } = places.configOf({ yaml: 'providers: [{ id: demo, enabled: false }]' })
    expect(providers).toMatchObject([{ id: 'demo', kind: 'demo', enabled: false }])
  })

  test.each([
    ['ANTHROPIC_API_KEY', 'key', { id: 'anthropic', kind: 'anthropic', apiKey: 'key' }],
    ['ANTHROPIC_BASE_URL', 'http://a/v1', { id: 'anthropic', kind: 'anthropic', baseUrl: 'http://a/v1' }],
    ['GEMINI_API_KEY', 'key', { id: 'gemini', kind: 'gemini', apiKey: 'key' }],
    ['GOOGLE_API_KEY', 'key', { id: 'gemini', kind: 'gemini', apiKey: 'key' }],
    ['GOOGLE_GEMINI_BASE_URL', 'http://g', { id: 'gemini', kind: 'gemini', baseUrl: 'http://g' }],
    ['OLLAMA_HOST', 'box', { id: 'ollama', kind: 'ollama', baseUrl: 'http://box:11434' }],
  ])('%s alone registers its provider', (name, value, provider) => {
    const { config, sources } = places.load({ env: { [name]: value } })
    expect(config.providers).toMatchObject([provider, { id: 'demo' }])
    expect(sources.get('providers[0]')).toBe(`environment variable ${name}`)
    expect(ids({ env: { [name]: '' } })).toEqual(['demo'])
  })

  test('each of its own place: the environment before .env, and GOOGLE_API_KEY before GEMINI_API_KEY in one place', () => {
    const keyOf = (written: Places) => places.configOf(written).providers[0]?.apiKey
    expect(keyOf({ env: { GEMINI_API_KEY: 'gemini', GOOGLE_API_KEY: 'google' } })).toBe('google')
    expect(keyOf({ env: { GEMINI_API_KEY: 'gemini' }, dotenv: 'GOOGLE_API_KEY=google' })).toBe('gemini')
    expect(keyOf({ env: { GOOGLE_API_KEY: '' }, dotenv: 'GOOGLE_API_KEY=a\nGEMINI_API_KEY=b' })).toBe('b')
  })

  test.each([
    ['box', 'http://box:11434'],
    ['box:8080', 'http://box:8080'],
    [':8080', 'http://127.0.0.1:8080'],
    ['box:80', 'http://box'],
    ['http://box', 'http://box'],
    ['https://box', 'https://box'],
    ['https://box:8443/ollama/', 'https://box:8443/ollama'],
    ['0.0.0.0', 'http://127.0.0.1:11434'],
    ['0.0.0.0:80', 'http://127.0.0.1'],
    ['http://0.0.0.0:11434/', 'http://127.0.0.1:11434'],
    ['[::]:11434', 'http://[::1]:11434'],
    ['[fe80::1]', 'http://[fe80::1]:11434'],
    [' 127.0.0.1:11434 ', 'http://127.0.0.1:11434'],
  ])('OLLAMA_HOST=%j is %s', (OLLAMA_HOST, baseUrl) => {
    expect(places.configOf({ env: { OLLAMA_HOST } }).providers[0]?.baseUrl).toBe(baseUrl)
  })

  test('an OLLAMA_HOST that is no address is a problem of its own', () => {
    expect(places.problemsOf({ env: { OLLAMA_HOST: 'not an address' } })).toMatchObject([
      {
        key: 'providers[0].baseUrl',
        source: 'environment variable OLLAMA_HOST',
        message: 'expected an http or https URL',
      },
    ])
  })
})

describe('a provider', () => {
  test('may have several accounts, in YAML and in the environment', () => {
    const accounts = [
      { name: 'a', apiKey: 'sk-a' },
      { baseUrl: 'http://b/v1', headers: { 'X-Team': 'b' }, weight: 2 },
    ]
    const entry = { id: 'work', kind: 'openai', accounts }
    const parsed = [
      { name: 'a', apiKey: 'sk-a', weight: 1 },
      { baseUrl: 'http://b/v1', headers: { 'X-Team': 'b' }, weight: 2 },
    ]
    const yaml = `providers: [${JSON.stringify(entry)}]`
    expect(places.configOf({ yaml }).providers[0]?.accounts).toEqual(parsed)
    const env = { PARLEY_PROVIDERS: JSON.stringify([entry]) }
    expect(places.configOf({ env }).providers[0]?.accounts).toEqual(parsed)
  })

  test.each([
    ['a weight of nothing', '{ weight: 0 }', 'weight', 'expected a number from 0.001 to 1000'],
    ['an address that is none', '{ baseUrl: here }', 'baseUrl', 'expected an http or https URL'],
    [
      'a name that could be anything',
      '{ name: "<b>" }',
      'name',
      'expected letters, digits, spaces, . _ and -, at most 64',
    ],
    ['an unknown key', '{ wieght: 2 }', 'wieght', 'unknown key; did you mean providers[0].accounts[0].weight?'],
  ])('has no account with %s', (_what, account, key, message) => {
    const yaml = `providers: [{ id: a, kind: openai, accounts: [${account}] }]`
    expect(places.problemsOf({ yaml })).toMatchObject([{ key: `providers[0].accounts[0].${key}`, message }])
  })

  test('has no two accounts of one name', () => {
    const yaml = 'providers: [{ id: a, kind: openai, accounts: [{ name: x }, {}, {}, { name: x }] }]'
    expect(places.problemsOf({ yaml })).toMatchObject([
      { key: 'providers[0].accounts[3].name', message: 'another account has this name' },
    ])
  })

  test('sends no header of two lines', () => {
    const yaml = 'providers: [{ id: a, kind: openai, headers: { X-Team: "a\\r\\nX-Other: b" } }]'
    expect(places.problemsOf({ yaml }).map(({ key }) => key)).toEqual(['providers[0].headers.X-Team'])
  })
})

describe('aliases and fallbacks', () => {
  const aliases = { fast: 'openai/gpt-5-mini' }
  const fallbacks = { 'openai/gpt-5-mini': ['anthropic/claude-haiku-4-5', 'fast'] }

  test('are mappings in YAML and JSON in the environment', () => {
    expect(places.configOf({})).toMatchObject({ aliases: {}, fallbacks: {} })
    const yaml = `aliases: ${JSON.stringify(aliases)}\nfallbacks: ${JSON.stringify(fallbacks)}`
    expect(places.configOf({ yaml })).toMatchObject({ aliases, fallbacks })
    const env = { PARLEY_ALIASES: JSON.stringify(aliases), PARLEY_FALLBACKS: JSON.stringify(fallbacks) }
    expect(places.configOf({ env })).toMatchObject({ aliases, fallbacks })
    const argv = ['--fallbacks', JSON.stringify(fallbacks)]
    expect(places.configOf({ argv })).toMatchObject({ fallbacks })
  })

  test('an alias may be the default model, and is no model id itself', () => {
    const yaml = 'aliases: { fast: demo/parley-demo }\ndefaultModel: fast'
    expect(places.configOf({ yaml }).defaultModel).toBe('fast')
  })

  test.each([
    ['an alias of an alias', 'aliases: { a: b, b: demo/x }', 'aliases.a'],
    ['an alias that looks like a model', 'aliases: { demo/x: demo/y }', 'aliases.demo/x'],
    ['a fallback that is no list', 'fallbacks: { demo/x: { demo/y: 1 } }', 'fallbacks.demo/x'],
    ['a model that takes over from itself', 'fallbacks: { demo/x: [demo/y, demo/x] }', 'fallbacks.demo/x[1]'],
  ])('%s is refused', (_what, yaml, key) => {
    expect(places.problemsOf({ yaml }).map((problem) => problem.key)).toEqual([key])
  })
})

describe('the encryption key', () => {
  const bytes = Buffer.alloc(32, 7)

  test.each([
    ['base64', bytes.toString('base64')],
    ['base64url', bytes.toString('base64url')],
    ['hex', bytes.toString('hex')],
  ])('is 32 bytes in %s', (_form, encryptionKey) => {
    expect(places.configOf({ env: { PARLEY_ENCRYPTION_KEY: encryptionKey } }).encryptionKey).toBe(encryptionKey)
  })

  test.each(['secret', bytes.subarray(1).toString('base64'), `${bytes.toString('hex')}00`, `${'Z'.repeat(44)}`])(
    'is not %j, and the refusal says how one is made and not what it was',
    (encryptionKey) => {
      const problems = places.problemsOf({ env: { PARLEY_ENCRYPTION_KEY: encryptionKey } })
      expect(problems).toEqual([
        {
          key: 'encryptionKey',
          source: 'environment variable PARLEY_ENCRYPTION_KEY',
          message: 'expected 32 bytes in base64 or hex, as `openssl rand -base64 32` writes them',
          example: '',
        },
      ])
    },
  )
})
