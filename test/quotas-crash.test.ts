import { expect, test } from 'vitest'
import { CompleteDocument } from './generated/graphql.ts'
import { ask, readRun, requestFor } from './support/conversation.ts'
import { Follower } from './support/follower.ts'
import { createServerPlace } from './support/process-conversation.ts'
import { askHeld, readQuota } from './support/quotas.ts'
import { echo, startScriptedModel } from './support/scripted-model.ts'

test('after kill -9, runs are settled with what they used, and nothing stays held for them', {
  timeout: 120_000,
}, async () => {
  await using model = await startScriptedModel()
  const quotas = { roles: { ADMIN: { tokensPerDay: 100_000 } } }
  await using place = await createServerPlace(model, { quotas, runs: { leaseMs: 1_000 } })
  model.hold()
  await using first = await place.start()
  const { client } = first
  const talking = await askHeld({ model, client }, 'Talk')
  await using watcher = await Follower.open(first.server, { threadId: talking.threadId, after: talking.streamCursor })
  await talking.exchange.text('Some words of an answer')
  await watcher.nextOf('TextDelta')
  const queued = await ask(client, 'Wait', { threadId: talking.threadId })
  const silent = await askHeld({ model, client }, 'Think')
  const heldForRuns = (await readQuota(client)).tokensReserved ?? 0
  const completion = client
    .request(CompleteDocument, { input: { messages: [{ role: 'USER', text: 'Complete' }] } })
    .catch((error: unknown) => error)
  await requestFor(model, 'Complete')
  const before = await readQuota(client)
  expect(before.tokensUsed).toBe(0)
  expect(before.tokensReserved).toBeGreaterThan(heldForRuns)

  first.process.kill('SIGKILL')
  await first.process.exited
  await completion
  model.onRequest(echo)
  await using second = await place.start()
  let used = 0
  for (const { runId, threadId } of [talking, queued, silent]) {
    await using follower = await Follower.open(second.server, { threadId, runId })
    await follower.collect()
    const { usage } = await readRun(second.client, runId)
    expect(usage.totalTokens).toBeGreaterThan(0)
    used += usage.totalTokens
  }
  // Where another instance could have been at it, what a completion held goes back by itself in time.
  const left = place.database.kind === 'embedded' ? 0 : (before.tokensReserved ?? 0) - heldForRuns
  expect(await readQuota(second.client)).toMatchObject({ tokensUsed: used, tokensReserved: left })
})
