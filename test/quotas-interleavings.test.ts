import { PrismaPg } from '@prisma/adapter-pg'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createQuotas, type QuotaHolder } from '../src/auth/quotas.ts'
import { PrismaClient } from '../src/database/generated/client.ts'
import { createConfig } from '../src/platform/config/load.ts'
import { openChat } from './support/chat.ts'
import { type Begun, type Ending, QuotaWorld } from './support/quota-world.ts'
import { countRounds, rounds } from './support/rounds.ts'

interface Start {
  readonly kind: Begun['kind']
  readonly least: number
  /** How much more than the least is held. */
  readonly more: number
}

interface End {
  /** Which of those that have begun, modulo their number. */
  readonly which: number
  readonly ending: Ending
  /** What it takes, as a part of what was held for it: above 1, it overruns. */
  readonly part: number
}

/** All that happens at the same time. */
interface Moment {
  readonly starts: readonly Start[]
  readonly ends: readonly End[]
}

const start: fc.Arbitrary<Start> = fc.record({
  kind: fc.constantFrom('run', 'request'),
  least: fc.integer({ min: 1, max: 80 }),
  more: fc.integer({ min: 0, max: 120 }),
})

const end = (maxPart: number): fc.Arbitrary<End> =>
  fc.record({
    which: fc.nat(),
    ending: fc.constantFrom('settled', 'settled', 'cancelled while queued', 'crashed'),
    part: fc.double({ min: 0, max: maxPart, noNaN: true }),
  })

const moments = (maxPart: number): fc.Arbitrary<Moment[]> =>
  fc.array(fc.record({ starts: fc.array(start, { maxLength: 5 }), ends: fc.array(end(maxPart), { maxLength: 3 }) }), {
    minLength: 2,
    maxLength: 8,
  })

const tokensPerDay = 400

/** Lives through the moments, and checks after each that nothing was given away, lost or counted twice. */
async function live(world: QuotaWorld, all: readonly Moment[]): Promise<void> {
  let open: readonly Begun[] = []
  let used = 0
  let total = 0
  for (const { starts, ends } of all) {
    const ending = new Map<Begun, End>()
    for (const one of ends) {
      const begun = open[one.which % open.length]
      if (begun) ending.set(begun, one)
    }
    const starting = starts.map(({ kind, least, more }) => world.begin(kind, { least, most: least + more }))
    const counted = await Promise.all(
      [...ending].map(async ([begun, { ending: how, part }]) => {
        const tokens = await world.end(begun, how, Math.round(begun.held * part))
        return { tokens, overrun: Math.max(0, tokens - begun.held) }
      }),
    )
    const begun = (await Promise.all(starting)).filter((one) => one !== null)
    open = [...open.filter((one) => !ending.has(one)), ...begun]
    used += counted.reduce((sum, { tokens }) => sum + tokens, 0)
    const reserved = open.reduce((sum, { held }) => sum + held, 0)
    expect(await world.standing()).toEqual({ used, reserved })
    // Only what overruns can take it above the quota; what begins never does.
    const overrun = counted.reduce((sum, one) => sum + one.overrun, 0)
    expect(used + reserved).toBeLessThanOrEqual(Math.max(tokensPerDay, total) + overrun)
    total = used + reserved
  }
  await Promise.all(open.map((one) => world.end(one, 'settled', 0)))
  expect(await world.standing()).toEqual({ used, reserved: 0 })
  const last = await world.begin('run', { least: 1, most: tokensPerDay })
  expect(last?.held ?? null).toBe(used < tokensPerDay ? tokensPerDay - used : null)
}

test('whatever begins and ends at the same time, used and held stay within the quota, and all comes back', {
  timeout: rounds(120_000, 900_000),
}, async ({ task }) => {
  await using chat = await openChat()
  const numRuns = countRounds(task, 12, 200)
  await fc.assert(
    fc.asyncProperty(moments(1), async (all) => live(await QuotaWorld.create(chat.database, tokensPerDay), all)),
    { numRuns },
  )
})

test('where answers take more than was held for them, the quota is overrun by that and no more', {
  timeout: rounds(120_000, 900_000),
}, async ({ task }) => {
  await using chat = await openChat()
  const numRuns = countRounds(task, 12, 200)
  await fc.assert(
    fc.asyncProperty(moments(3), async (all) => live(await QuotaWorld.create(chat.database, tokensPerDay), all)),
    { numRuns },
  )
})

test('where a user has no quota, the database is asked nothing', async () => {
  // Nobody listens there: any statement would fail.
  const database = new PrismaClient({ adapter: new PrismaPg('postgresql://nobody@127.0.0.1:1/none') })
  const { tokens, requests } = createQuotas({ config: createConfig().quotas, database })
  const holder: QuotaHolder = { id: 'user_1', role: 'USER', requestsPerMinute: null, tokensPerDay: null }
  const estimate = { least: 1, most: 1 }
  await requests.count(holder)
  await tokens.reserve(holder, { id: 'request_1', estimate })
  await tokens.reserveForRun(holder, database, { runId: 'run_1', estimate })
  await tokens.settle(holder, { id: 'request_1', tokens: 1 })
  expect(await tokens.today(holder)).toBeNull()
  await expect(tokens.today({ ...holder, tokensPerDay: 1 })).rejects.toThrow()
})
