import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Dice } from './support/fuzzer.ts'
import { oddRequests } from './support/odd-requests.ts'
import { type ServerProcess, startProcess } from './support/process.ts'
import { countRounds, rounds } from './support/rounds.ts'

// A seed makes the same requests again; what they meet differs, since several go at once.
const seed = Number(process.env.PARLEY_TEST_SEED ?? 20_261_121)
const atOnce = 6
/** What may be left after a garbage collection, beyond what was there once the server had warmed up. */
const leftOverBytes = 200 * 1024 * 1024

let server: ServerProcess
beforeAll(async () => {
  const preload = fileURLToPath(new URL('support/report-memory.ts', import.meta.url))
  server = await startProcess({ env: { NODE_OPTIONS: `--import ${preload}` } })
})
afterAll(async () => {
  await server?.[Symbol.asyncDispose]()
})

test('malformed requests over all transports end in no crash, no error without an id, and no lost memory', {
  timeout: rounds(180_000, 3_600_000),
}, async ({ task }) => {
  const count = countRounds(task, 2_000, 100_000)
  const startedAt = await startOfServer()
  await send(new Dice(seed + 1), 300)
  const before = await residentBytes()
  const { answers, internal } = await send(new Dice(seed), count)
  const after = await residentBytes()

  process.stdout.write(
    `fuzzed with seed ${seed}: ${JSON.stringify(answers)}, ${internal} masked errors, memory ${megabytes(before)} → ${megabytes(after)} MB\n`,
  )
  expect(server.child.exitCode).toBeNull()
  expect(await startOfServer()).toBe(startedAt)
  // Whatever was wrong was the request's: nothing went wrong here.
  expect(internal).toBe(0)
  expect(after - before).toBeLessThan(leftOverBytes)
  // A fuzzer whose requests are all refused at the door would show little.
  expect(answers.served).toBeGreaterThan(count / 50)
  expect(answers.refused).toBeGreaterThan(count / 4)
})

interface Answers {
  served: number
  refused: number
  silent: number
}

/** Sends so many requests, each over a transport that the dice choose. */
async function send(dice: Dice, count: number): Promise<{ answers: Answers; internal: number }> {
  const answers: Answers = { served: 0, refused: 0, silent: 0 }
  let internal = 0
  let left = count
  const names = Object.keys(oddRequests)
  const sender = async () => {
    while (left-- > 0) {
      const name = dice.pick(names)
      const own = new Dice(dice.below(2 ** 31))
      const answer = (await oddRequests[name]?.(`${server.url}/graphql`, own)) ?? ''
      for (const line of answer.split('\n')) {
        if (!line.includes('"INTERNAL"')) continue
        internal += 1
        expect(line, `${name}: ${answer}`).toMatch(/"requestId":"[\w\-.:]+"/)
      }
      if (/^HTTP(\/1\.1)? 500/.test(answer)) expect(answer).toContain('"INTERNAL"')
      if (answer.includes('"errors":') || /"type":"error"|^HTTP(\/1\.1)? 4/.test(answer)) answers.refused += 1
      else if (answer.includes('"data":')) answers.served += 1
      else answers.silent += 1
    }
  }
  await Promise.all(Array.from({ length: atOnce }, sender))
  return { answers, internal }
}

async function startOfServer(): Promise<string> {
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"query":"{ server { startedAt } }"}',
  })
  return ((await response.json()) as { data: { server: { startedAt: string } } }).data.server.startedAt
}

let reports = 0

/** After a garbage collection. */
async function residentBytes(): Promise<number> {
  reports += 1
  server.kill('SIGUSR2')
  const [text] = await server.waitFor(new RegExp(`(?:^resident \\d+ bytes$[\\s\\S]*?){${reports}}`, 'm'))
  return Number([...text.matchAll(/^resident (\d+) bytes$/gm)].at(-1)?.[1])
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1024 / 1024)
}
