import { describe, expect, test } from 'vitest'
import { createConfig } from '../src/platform/config/load.ts'
import { createLog, type Log, type LogOptions } from '../src/platform/log.ts'

const secret = 'hunter2-hunter2'

function capture(options: Partial<LogOptions>, write: (log: Log) => void): string {
  let written = ''
  const stream = { write: (line: string) => (written += line) }
  write(createLog({ logLevel: 'info', logFormat: 'json', ...options }, stream))
  return written
}

describe('a log', () => {
  test('writes a line of JSON with an ISO time, the level as a word and the fields of its child', () => {
    const line: unknown = JSON.parse(capture({}, (log) => log.child({ runId: 'run_1' }).warn({ step: 2 }, 'slow')))
    expect(line).toMatchObject({ level: 'warn', runId: 'run_1', step: 2, msg: 'slow' })
    expect(line).toHaveProperty('time', expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/))
  })

  test('writes nothing below its level, and nothing at all when silent', () => {
    expect(capture({}, (log) => log.debug('x'))).toBe('')
    expect(capture({ logLevel: 'silent' }, (log) => log.fatal('x'))).toBe('')
  })

  test('is text for a person when the format says so, and JSON where a stream is no terminal', () => {
    expect(capture({ logFormat: 'pretty' }, (log) => log.info('hello'))).toMatch(/^\[[\d:.]+\] INFO: hello\n$/)
    expect(JSON.parse(capture({ logFormat: 'auto' }, (log) => log.info('hello')))).toMatchObject({ msg: 'hello' })
  })

  const fields = {
    config: createConfig({
      providers: [{ id: 'a', kind: 'openai', apiKey: secret }],
      database: { url: `postgresql://user:${secret}@host/name` },
    }),
    request: { headers: { Authorization: `Bearer ${secret}`, cookie: secret, 'set-cookie': [secret] } },
    databaseUrl: secret,
    password: secret,
  }
  const error = new Error(`connecting to postgresql://user:${secret}@host failed`, {
    cause: new Error(`refused: Bearer ${secret}`),
  })
  const failure = Object.assign(error, { headers: new Headers({ authorization: secret }) })

  test.each([
    ['fields', (log: Log) => log.info(fields, 'x')],
    ["a child's fields", (log: Log) => log.child(fields).child({ token: secret }).info('x')],
    ['an error', (log: Log) => log.error(failure)],
    ['an error among fields', (log: Log) => log.error({ err: failure, other: failure })],
    ['an error among fields with a message', (log: Log) => log.error({ error: failure }, 'x')],
    ['a message', (log: Log) => log.info('Authorization: Bearer %s', secret)],
    ['a message with a URL', (log: Log) => log.info(`redis://:${secret}@host`)],
  ])('does not write the secrets in %s', (_where, write) => {
    for (const logFormat of ['json', 'pretty'] as const) {
      const written = capture({ logFormat }, write)
      expect(written).toContain('[redacted]')
      expect(written).not.toContain(secret)
    }
  })

  test('keeps what only sounds like a secret', () => {
    const usage = { inputTokens: 1, outputTokens: 2, maxTokens: 3, tokens: 4, key: 'port', secretary: 'x' }
    expect(JSON.parse(capture({}, (log) => log.info(usage)))).toMatchObject(usage)
  })

  test('takes values that refer to themselves', () => {
    const loop: Record<string, unknown> = { name: 'loop' }
    loop.self = loop
    expect(JSON.parse(capture({}, (log) => log.info({ loop })))).toMatchObject({ loop: { name: 'loop' } })
  })
})
