import { once } from 'node:events'
import { connect } from 'node:net'
import type { ChatClient, System } from './chat-client.ts'
import { FloorClient } from './floor-client.ts'
import { ParleyClient } from './parley-client.ts'
import { formatPrompt, type Prompt } from './prompt.ts'

export interface Watching {
  readonly system: System
  readonly url: string
  readonly subscribers: number
  readonly grantPort: number
}

export interface Audience {
  readonly watchers: readonly ChatClient[]
  /** Nothing more is let through; what was granted still flows. */
  readonly stopGrants: () => void
}

/** More than any measurement lets through. */
const endless: Prompt = { tokens: 1_000_000_000, pace: 'granted' }

/**
 * Connects the watchers of one answer and lets it flow token by token: the next one is let through when all have the
 * last. So each token is a delivery of its own to each, and nobody falls behind.
 */
export async function watchOneAnswer({ system, url, subscribers, grantPort }: Watching): Promise<Audience> {
  const grants = connect({ host: '127.0.0.1', port: grantPort, noDelay: true })
  await once(grants, 'connect')
  grants.on('error', () => {})
  const watchers = system === 'parley' ? await watchParley(url, subscribers) : await watchFloor(url, subscribers)
  grantAsTaken(watchers, (tokens) => grants.write(`${tokens}\n`))
  return { watchers, stopGrants: () => grants.destroy() }
}

async function watchParley(url: string, subscribers: number): Promise<ParleyClient[]> {
  const [asker, ...others] = await inBatches(subscribers, () => ParleyClient.open(url))
  if (!asker) throw new Error('nobody watches')
  await asker.enterThread({ follow: false, modelId: null })
  const place = await asker.send(formatPrompt(endless))
  const watchers = [asker, ...others]
  const following = watchers.map(async (client) => {
    const heard = client.nextEvent()
    client.watch(place).catch(() => {})
    await heard
  })
  await Promise.all(following)
  return watchers
}

async function watchFloor(url: string, subscribers: number): Promise<FloorClient[]> {
  const watchers = await inBatches(subscribers, () => FloorClient.open(url))
  await Promise.all(watchers.map((client) => client.watch()))
  watchers[0]?.ask(formatPrompt(endless)).catch(() => {})
  return watchers
}

function grantAsTaken(watchers: readonly ChatClient[], grant: (tokens: number) => void): void {
  let granted = 1
  let waiting = watchers.length
  for (const client of watchers) {
    client.onTokens = () => {
      waiting -= 1
      if (waiting > 0) return
      waiting = watchers.length
      grant(++granted)
    }
  }
  grant(granted)
}

/** Makes many of something that takes a server's time, not all at once. */
export async function inBatches<Value>(count: number, make: () => Promise<Value>): Promise<Value[]> {
  const made: Value[] = []
  while (made.length < count) {
    const batch = Array.from({ length: Math.min(20, count - made.length) }, make)
    made.push(...(await Promise.all(batch)))
  }
  return made
}
