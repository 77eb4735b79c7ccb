import { defineConfig } from 'vitest/config'

const database = process.env.PARLEY_TEST_DATABASE ?? 'embedded'

export default defineConfig({
  resolve: {
    // Else two copies of graphql are loaded: one by import, one by require.
    alias: { graphql: new URL('node_modules/graphql/index.js', import.meta.url).pathname },
  },
  test: {
    name: database,
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/support/global-setup.ts',
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Two cores: more files at once make each other's waiting longer, and nothing faster.
    maxWorkers: 2,
    reporters: ['default'],
  },
})
