import { expect, test } from 'vitest'
import { accountsConfig, startAccounts } from './support/accounts.ts'
import { ask } from './support/conversation.ts'
import { createTestDatabase } from './support/database.ts'
import { findText } from './support/find-text.ts'
import { connectToRows } from './support/rows.ts'
import { startTestServer } from './support/server.ts'

test('a removal that a crash has cut short is finished at the next start', async () => {
  await using database = await createTestDatabase()
  let memberId: string
  {
    await using accounts = await startAccounts({ database })
    const member = await accounts.addMember()
    memberId = member.id
    await ask(member.client, 'Remember this.')
    await using rows = await connectToRows(database)
    // The first step of a removal, after which nothing else was done.
    await rows.query(`UPDATE "User" SET subject = 'deleted:' || id, "disabledAt" = now() WHERE id = $1`, [memberId])
  }
  await using _server = await startTestServer({ database, config: accountsConfig })
  await using rows = await connectToRows(database)
  await expect.poll(() => findText(rows, memberId), { timeout: 20_000 }).toEqual({})
})
