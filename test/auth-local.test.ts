import { expect, test } from 'vitest'
import { ensureLocalViewer } from '../src/auth/local.ts'
import { openDatabase } from '../src/database/database.ts'
import { createTestDatabase, silentLog } from './support/database.ts'

test('of many first starts at once, each finds the one local viewer', async () => {
  await using resources = new AsyncDisposableStack()
  const { config, dataDir } = resources.use(await createTestDatabase())
  const opening = { config: { ...config, poolSize: 10 }, dataDir, log: silentLog }
  const { client } = resources.use(await openDatabase(opening))
  // Connections are opened first, so that all are there at once.
  await Promise.all(Array.from({ length: 10 }, () => client.$queryRaw`SELECT 1`))
  for (let round = 0; round < 10; round++) {
    const viewers = await Promise.all(Array.from({ length: 10 }, () => ensureLocalViewer(client)))
    expect(new Set(viewers.map(({ id }) => id)).size).toBe(1)
    await client.user.deleteMany()
  }
})
