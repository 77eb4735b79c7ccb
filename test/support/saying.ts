import type { PrismaClient } from '../../src/database/generated/client.ts'
import { newId, newUlid } from '../../src/platform/ids.ts'
import { indexAll } from '../../src/search/indexer.ts'
import { noFilters, type Scope } from '../../src/search/scope.ts'
import { createViewer } from './chat.ts'
import { silentLog } from './database.ts'

/** Where all that a new user has said, in messages of these texts, can be searched: no server is needed. */
export async function saying(client: PrismaClient, texts: readonly string[]): Promise<Scope> {
  const viewer = await createViewer(client)
  const threadId = newId('thread')
  const stored = { threadId, ownerId: viewer.id, role: 'USER', status: 'COMPLETED' } as const
  await client.thread.create({ data: { id: threadId, ownerId: viewer.id, revision: newUlid() } })
  await client.message.createMany({ data: texts.map((text) => ({ ...stored, id: newId('message'), text })) })
  await indexAll({ database: client, log: silentLog }, new AbortController().signal)
  return { ...noFilters, viewer }
}
