import { expect, test } from 'vitest'
import { createThread, softDeleteThread } from '../src/chat/threads.ts'
import { cleanUp } from '../src/runs/housekeeping.ts'
import { createViewer, openChat } from './support/chat.ts'
import { databaseKind, silentLog } from './support/database.ts'

const dayMs = 86_400_000

test('what was kept for a time is removed after it, and nothing else', async () => {
  await using chat = await openChat()
  const { database, stream } = chat
  const viewer = await createViewer(database)
  const [kept, fresh, old] = await Promise.all([1, 2, 3].map(() => createThread(viewer, database, {})))
  if (!kept || !fresh || !old) throw new Error('three threads were to be created')
  for (const { id } of [fresh, old]) await softDeleteThread(viewer, database, id)
  await database.thread.update({ where: { id: old.id }, data: { deletedAt: new Date(Date.now() - 31 * dayMs) } })
  const key = { ownerId: viewer.id, mutation: 'sendMessage', inputHash: '', payload: {} }
  await database.idempotencyKey.create({ data: { ...key, key: 'new' } })
  await database.idempotencyKey.create({ data: { ...key, key: 'old', createdAt: new Date(Date.now() - 2 * dayMs) } })

  const token = { userId: viewer.id, familyId: 'family' }
  await database.refreshToken.create({
    data: { ...token, id: 'good', hash: 'good', expiresAt: new Date(Date.now() + dayMs), spentAt: new Date() },
  })
  await database.refreshToken.create({
    data: { ...token, id: 'over', hash: 'over', expiresAt: new Date(Date.now() - 1) },
  })

  const options = { database, stream, log: silentLog, vacuums: databaseKind() === 'embedded' }
  await cleanUp({ ...options, deletedDays: null })
  expect(await database.thread.count({ where: { id: { in: [kept.id, fresh.id, old.id] } } })).toBe(3)

  await cleanUp({ ...options, deletedDays: 30 })
  const left = await database.thread.findMany({ where: { id: { in: [kept.id, fresh.id, old.id] } } })
  expect(left.map(({ id }) => id).sort()).toEqual([kept.id, fresh.id].sort())
  expect((await database.idempotencyKey.findMany({ where: { ownerId: viewer.id } })).map((row) => row.key)).toEqual([
    'new',
  ])
  expect((await database.refreshToken.findMany({ where: { userId: viewer.id } })).map(({ id }) => id)).toEqual(['good'])
})

test('what is held of quotas for nothing is removed when its time is over; a run holds its own while it is open', async () => {
  await using chat = await openChat()
  const { database, stream } = chat
  const viewer = await createViewer(database)
  const { id: threadId } = await createThread(viewer, database, {})
  const run = { threadId, ownerId: viewer.id, modelId: 'none/none', requestedModelId: 'none/none' }
  await database.run.create({ data: { ...run, id: 'run_open', status: 'QUEUED' } })
  await database.run.create({ data: { ...run, id: 'run_ended', status: 'COMPLETED' } })
  const hourMs = 3_600_000
  for (const [id, inMs] of [
    ['run_open', -hourMs],
    ['run_ended', -hourMs],
    ['request_crashed', -hourMs],
    ['request_going', hourMs],
  ] as const)
    await database.tokenReservation.create({
      data: { id, userId: viewer.id, tokens: 10, expiresAt: new Date(Date.now() + inMs) },
    })
  const vacuums = databaseKind() === 'embedded'
  await cleanUp({ database, stream, log: silentLog, vacuums, deletedDays: null })
  const left = await database.tokenReservation.findMany({ orderBy: { id: 'asc' } })
  expect(left.map(({ id }) => id)).toEqual(['request_going', 'run_open'])
})
