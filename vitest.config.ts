import { globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

/** Of those that reach a database, the ones whose subject is what stands in front of it, beside it, or the embedded one. */
const besidesTheDatabase =
  /^test\/(attachments-(bombs|downloads|excerpts|memory|models|uploads)|attacks|auth-proxy-nginx|banner|browser|chat-signed-in|chat-tools|command-line|database-embedded|document-limits|fuzz|mcp|protocol|search-(embedders|indexing|reindex|slow-patterns|vectors|work)|tools-mcp)\b/

const database = process.env.PARLEY_TEST_DATABASE ?? 'embedded'

export default defineConfig({
  resolve: {
    // Else two copies of graphql are loaded: one by import, one by require.
    alias: [
      { find: /^graphql$/, replacement: fileURLToPath(new URL('node_modules/graphql/index.js', import.meta.url)) },
    ],
  },
  test: {
    name: database,
    include: database === 'embedded' ? ['test/**/*.test.ts'] : databaseTests(),
    globalSetup: 'test/support/global-setup.ts',
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Two cores: more files at once make each other's waiting longer, and nothing faster.
    maxWorkers: 2,
  },
})

/** The tests that reach a database: only they run on the second kind of it. */
function databaseTests(): string[] {
  const fixtures = /from '\.\/support\/(server|database|chat|process|conversation|accounts|listed-users|personas)\.ts'/
  return globSync('test/**/*.test.ts').filter(
    (file) => !besidesTheDatabase.test(file) && fixtures.test(readFileSync(file, 'utf8')),
  )
}
