import type { PrismaClient } from '../../src/database/generated/client.ts'
import { newId, newUlid } from '../../src/platform/ids.ts'
import { indexMessages } from '../../src/search/index-messages.ts'
import type { Scope } from '../../src/search/scope.ts'
import { createViewer } from './chat.ts'

/** Where all that a new user has said, in messages of these texts, can be searched: no server is needed. */
export async function saying(client: PrismaClient, texts: readonly string[]): Promise<Scope> {
  const viewer = await createViewer(client)
  const threadId = newId('thread')
  const stored = { threadId, ownerId: viewer.id, role: 'USER', status: 'COMPLETED' } as const
  await client.thread.create({ data: { id: threadId, ownerId: viewer.id, revision: newUlid() } })
  await client.message.createMany({ data: texts.map((text) => ({ ...stored, id: newId('message'), text })) })
  await indexMessages(client, texts.length)
  return { viewer, modelId: null, threadId: null, role: null, createdAfter: null, createdBefore: null }
}
