/** What has reached a client, or several. */
export interface Tally {
  tokens: number
  /** WebSocket messages that brought tokens. */
  messages: number
  /** Messages that took the place of tokens which the client was too slow for. */
  snapshots: number
}

export type System = 'parley' | 'floor'

/** One connection of a person who chats. */
export interface ChatClient {
  readonly tally: Tally
  /** Called whenever tokens have come, with how many came of the present answer in all. */
  onTokens: (ofAnswer: number) => void
  /** Asks, and returns when the answer is whole. */
  ask(text: string): Promise<void>
  close(): void
}

export function noTally(): Tally {
  return { tokens: 0, messages: 0, snapshots: 0 }
}

export function sum(tallies: readonly Tally[]): Tally {
  const total = noTally()
  for (const { tokens, messages, snapshots } of tallies) {
    total.tokens += tokens
    total.messages += messages
    total.snapshots += snapshots
  }
  return total
}
