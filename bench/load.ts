import { type ChatClient, type System, sum, type Tally } from './chat-client.ts'
import { FloorClient } from './floor-client.ts'
import { ParleyClient } from './parley-client.ts'
import { formatPrompt, type Prompt } from './prompt.ts'
import { serveCommands } from './remote.ts'
import { inBatches, type Watching, watchOneAnswer } from './watchers.ts'

// The people who chat.

interface Opening {
  readonly system: System
  readonly url: string
  readonly connections: number
  /** Parley alone: keep the thread's subscription open, as a page does, instead of subscribing to each answer. */
  readonly follow?: boolean
  /** Parley alone: who answers; by default the default model. */
  readonly modelId?: string
}

interface Asking {
  readonly prompt: Prompt
  /** Answers for each connection, one after another. */
  readonly times: number
  /** One connection after another, so that there is one answer at a time. */
  readonly inTurn: boolean
}

export type LoadCommands = {
  /** Opens connections in place of those that are open; with Parley each gets a thread. */
  open: (opening: Opening) => Promise<void>
  /** Opens connections that all get the tokens of one answer, which flows at once. */
  watch: (watching: Watching) => Promise<void>
  close: () => void
  /** Every connection asks, twenty at a time. Returns when each has had its first token. */
  start: (prompt: Prompt) => Promise<void>
  /** Returns when all answers are whole. */
  finish: () => Promise<Tally>
  askRepeatedly: (asking: Asking) => Promise<{ firstTokenMs: number[] }>
  /** What the open connections got. */
  tally: () => Tally
  /** Begins to note how long each waits between two messages that bring tokens. */
  startGaps: () => void
  /** In milliseconds, of all since `startGaps`. */
  stopGaps: () => { gapMs: number[] }
}

let clients: readonly ChatClient[] = []
let stopGrants = () => {}
let answers: Promise<unknown> = Promise.resolve()
let gapMs: number[] = []

async function openClient({ system, url, follow = false, modelId }: Opening): Promise<ChatClient> {
  if (system === 'floor') return FloorClient.open(url)
  const client = await ParleyClient.open(url)
  await client.enterThread({ follow, modelId: modelId ?? null })
  return client
}

function firstToken(client: ChatClient): Promise<void> {
  return new Promise((resolve) => {
    client.onTokens = () => {
      client.onTokens = () => {}
      resolve()
    }
  })
}

/** How long the first token took, in milliseconds. */
async function askTimed(client: ChatClient, prompt: Prompt): Promise<number> {
  const first = firstToken(client).then(() => performance.now())
  const askedAt = performance.now()
  await client.ask(formatPrompt(prompt))
  return (await first) - askedAt
}

const commands: LoadCommands = {
  async open(opening) {
    commands.close()
    clients = await inBatches(opening.connections, () => openClient(opening))
  },
  async watch(watching) {
    commands.close()
    const { watchers, stopGrants: stop } = await watchOneAnswer(watching)
    clients = watchers
    stopGrants = stop
  },
  close() {
    stopGrants()
    for (const client of clients) client.close()
    clients = []
  },
  async start(prompt) {
    const going: Promise<void>[] = []
    const waiting = clients.values()
    await inBatches(clients.length, async () => {
      const client = waiting.next().value
      if (!client) return
      const begun = firstToken(client)
      const answer = client.ask(formatPrompt(prompt))
      going.push(answer)
      await Promise.race([begun, answer])
    })
    answers = Promise.all(going)
    // `finish` waits for it; until then a failure is nobody's unhandled one.
    answers.catch(() => {})
  },
  async finish() {
    await answers
    return commands.tally()
  },
  async askRepeatedly({ prompt, times, inTurn }) {
    const firstTokenMs: number[] = []
    const askTimes = async (client: ChatClient) => {
      for (let time = 0; time < times; time++) firstTokenMs.push(await askTimed(client, prompt))
    }
    if (inTurn) for (const client of clients) await askTimes(client)
    else await Promise.all(clients.map(askTimes))
    return { firstTokenMs }
  },
  tally: () => sum(clients.map(({ tally }) => tally)),
  startGaps() {
    gapMs = []
    for (const client of clients) {
      let last: number | null = null
      client.onTokens = () => {
        const now = performance.now()
        if (last !== null) gapMs.push(now - last)
        last = now
      }
    }
  },
  stopGaps() {
    for (const client of clients) client.onTokens = () => {}
    return { gapMs }
  },
}

serveCommands(commands, {
  async [Symbol.asyncDispose]() {
    commands.close()
  },
})
