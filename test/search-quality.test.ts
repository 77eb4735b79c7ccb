import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { SendMessageDocument } from './generated/graphql.ts'
import { labelled, type Part, unrelated } from './search-set/labelled.ts'
import { createTestClient, type TestClient } from './support/client.ts'
import { findTexts, indexed } from './support/search.ts'
import { type Quality, qualityOf } from './support/search-quality.ts'
import { startTestServer, type TestServer } from './support/server.ts'

const modes = ['FULL_TEXT', 'SEMANTIC', 'HYBRID'] as const
const parts: readonly Part[] = ['paraphrases', 'words', 'names', 'codes', 'languages']

let server: TestServer
let client: TestClient
const measured = new Map<string, Quality>()

beforeAll(async () => {
  server = await startTestServer({ config: { llm: { enabled: false }, search: {} } })
  client = createTestClient(server)
  const texts = [...unrelated.slice(0, 128), ...labelled.map(({ text }) => text), ...unrelated.slice(128)]
  expect(texts.length).toBeGreaterThanOrEqual(300)
  expect(labelled.length).toBeGreaterThanOrEqual(60)
  for (const text of texts) await client.request(SendMessageDocument, { input: { text } })
  await indexed(client)
  for (const mode of modes) {
    const placed = new Map<Part, (number | null)[]>(parts.map((part) => [part, []]))
    for (const { part, query, text } of labelled) {
      const place = (await findTexts(client, query, { mode, first: 10 })).indexOf(text)
      placed.get(part)?.push(place === -1 ? null : place + 1)
    }
    for (const [part, places] of placed) measured.set(`${part} ${mode}`, qualityOf(places))
  }
}, 300_000)

afterAll(async () => {
  await client?.[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
})

function quality(part: Part, mode: (typeof modes)[number]): Quality {
  return measured.get(`${part} ${mode}`) ?? expect.fail('not measured')
}

test.each(parts)('of %s, all ways together find as much, and as far up, as the best of them', (part) => {
  const hybrid = quality(part, 'HYBRID')
  for (const mode of ['FULL_TEXT', 'SEMANTIC'] as const) {
    expect(hybrid.recall).toBeGreaterThanOrEqual(quality(part, mode).recall)
    expect(hybrid.reciprocalRank).toBeGreaterThanOrEqual(quality(part, mode).reciprocalRank)
  }
})

test('docs/search.md holds what was measured', () => {
  const rows = parts.map((part) => {
    const cells = modes.map((mode) => {
      const { recall, reciprocalRank } = quality(part, mode)
      return `${recall.toFixed(2)} / ${reciprocalRank.toFixed(2)}`
    })
    return `| ${part} | ${cells.join(' | ')} |`
  })
  expect(readFileSync('docs/search.md', 'utf8')).toContain(rows.join('\n'))
})
