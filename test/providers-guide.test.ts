import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestClient, type TestClient } from './support/client.ts'
import { readGuide } from './support/guide.ts'
import { tryExample } from './support/guide-examples.ts'
import { startTestServer, type TestServer } from './support/server.ts'

// docs/providers.md: what it shows works, and what it shows of the code is in the code.

const read = (path: string) => readFile(new URL(`../${path}`, import.meta.url), 'utf8')
const examples = readGuide(await read('docs/providers.md')).flatMap((row) => row.examples)
const code = await Promise.all(
  ['examples/providers/cohere.ts', 'test/providers-example.test.ts'].map(async (path) => unindented(await read(path))),
)

function unindented(text: string): string {
  return text.replaceAll(/^\s+/gm, '').trim()
}

let server: TestServer
let client: TestClient

beforeAll(async () => {
  server = await startTestServer({ config: { encryptionKey: Buffer.alloc(32, 7).toString('base64') } })
  client = createTestClient(server)
})
afterAll(async () => {
  await client[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
})

describe('the guide to providers', () => {
  it.each(examples.filter(({ language }) => language === 'ts'))(
    'shows code that is there, in line $line',
    ({ content }) => {
      expect(code.some((text) => text.includes(unindented(content)))).toBe(true)
    },
  )

  it.each(examples.filter(({ language }) => language === 'yaml' || language === 'graphql'))(
    'shows $language that works, in line $line',
    async (example) => {
      await tryExample[example.language]?.(example, { server, client, conversation: {}, answer: undefined })
    },
  )

  it('shows nothing in a language that is not checked', () => {
    expect(new Set(examples.map(({ language }) => language))).toEqual(new Set(['ts', 'yaml', 'graphql', 'sh']))
  })
})
