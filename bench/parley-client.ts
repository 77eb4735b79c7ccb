import { type ChatClient, noTally } from './chat-client.ts'
import { tokenLength } from './prompt.ts'
import { RawWebSocket } from './raw-websocket.ts'

const createThread =
  'mutation Create($modelId: ID) { createThread(input: { modelId: $modelId }) { thread { id streamCursor } } }'

const sendMessage = `mutation Send($input: SendMessageInput!) {
  sendMessage(input: $input) { streamCursor message { id } run { id } }
}`

/** What a chat page asks for. `text` comes last, so that its length is known without parsing. */
const followThread = `subscription Follow($threadId: ID!, $runId: ID, $after: String) {
  messageStream(threadId: $threadId, runId: $runId, after: $after) {
    __typename
    cursor
    runId
    ... on MessageSnapshot { message { id status text reasoning } }
    ... on MessageChanged { message { id role status text } }
    ... on RunStatusChanged { status }
    ... on ReasoningDelta { messageId offset text }
    ... on TextDelta { messageId offset text }
    ... on MessageFinished { message { id status text usage { inputTokens outputTokens } } }
  }
}`

/** The thread, and where to begin listening. */
interface Place {
  readonly threadId: string
  readonly runId?: string
  readonly after: string
}

/** `{"id":"m",…` for mutations, `{"id":"s",…` for the subscription. */
const idAt = 7
const ids = { mutation: 'm', subscription: 's' } as const
const subscriptionId = ids.subscription.charCodeAt(0)
const typeAt = '{"id":"s","type":"next","payload":{"data":{"messageStream":{"__typename":"'.length
const textBefore = Buffer.from('"text":"')
const textAfter = '"}}}}'.length

/** A client of Parley that speaks graphql-transport-ws. */
export class ParleyClient implements ChatClient {
  readonly tally = noTally()
  onTokens: (ofAnswer: number) => void = () => {}
  readonly #socket: RawWebSocket
  #mutation: PromiseWithResolvers<unknown> | null = null
  #answer: PromiseWithResolvers<void> | null = null
  #onEvent: (() => void) | null = null
  #tokensBefore = 0
  #threadId = ''
  /** Stays open across answers. */
  #isFollowing = false

  private constructor(socket: RawWebSocket) {
    this.#socket = socket
    socket.onText = (bytes, start, end) => this.#take(bytes, start, end)
    socket.onClose = () => this.#fail(new Error('the connection was closed'))
  }

  static async open(url: string): Promise<ParleyClient> {
    const socket = await RawWebSocket.open(url, 'graphql-transport-ws')
    const acknowledged = new Promise<void>((resolve) => {
      socket.onText = () => resolve()
    })
    socket.send('{"type":"connection_init"}')
    await acknowledged
    return new ParleyClient(socket)
  }

  /** A new thread; with `follow`, its one subscription stays open, as that of a page which is open. */
  async enterThread({ follow, modelId }: { follow: boolean; modelId: string | null }): Promise<void> {
    const { createThread: created } = (await this.#mutate(createThread, { modelId })) as {
      createThread: { thread: { id: string; streamCursor: string } }
    }
    const { id: threadId, streamCursor: after } = created.thread
    this.#threadId = threadId
    this.#isFollowing = follow
    if (follow) this.#follow({ threadId, after })
  }

  async ask(text: string): Promise<void> {
    if (this.#threadId === '') await this.enterThread({ follow: false, modelId: null })
    if (this.#isFollowing) {
      const answer = this.#expectAnswer()
      await this.send(text)
      return answer
    }
    return this.watch(await this.send(text))
  }

  /** Asks, and says where to listen. */
  async send(text: string): Promise<Place> {
    const threadId = this.#threadId
    const { sendMessage: sent } = (await this.#mutate(sendMessage, { input: { threadId, text } })) as {
      sendMessage: { streamCursor: string; run: { id: string } }
    }
    return { threadId, runId: sent.run.id, after: sent.streamCursor }
  }

  /** Follows one answer, whoever asked for it, and returns when it is whole. */
  watch(place: Place): Promise<void> {
    const answer = this.#expectAnswer()
    this.#follow(place)
    return answer
  }

  /** Returns when something of whatever kind has come. */
  nextEvent(): Promise<void> {
    return new Promise((resolve) => {
      this.#onEvent = resolve
    })
  }

  close(): void {
    this.#socket.onClose = () => {}
    this.#socket.close()
  }

  #follow(variables: Place): void {
    this.#say(ids.subscription, followThread, variables)
  }

  #mutate(query: string, variables: object): Promise<unknown> {
    this.#mutation = Promise.withResolvers()
    this.#say(ids.mutation, query, variables)
    return this.#mutation.promise
  }

  #say(id: string, query: string, variables: object): void {
    this.#socket.send(JSON.stringify({ id, type: 'subscribe', payload: { query, variables } }))
  }

  #expectAnswer(): Promise<void> {
    this.#tokensBefore = 0
    this.#answer = Promise.withResolvers()
    return this.#answer.promise
  }

  #take(bytes: Buffer, start: number, end: number): void {
    if (
      bytes[start + idAt] === subscriptionId &&
      bytes.toString('latin1', start + typeAt, start + typeAt + 10) === 'TextDelta"'
    )
      this.#takeDelta(bytes, start, end)
    else this.#takeOther(bytes.toString('utf8', start, end))
    this.#onEvent?.()
    this.#onEvent = null
  }

  #takeDelta(bytes: Buffer, start: number, end: number): void {
    const textAt = bytes.indexOf(textBefore, start + typeAt) + textBefore.length
    // What comes before the text is `"offset":123,`.
    let offset = 0
    for (let at = textAt - textBefore.length - 2, unit = 1; isDigit(bytes[at]); at--, unit *= 10)
      offset += unit * ((bytes[at] ?? 0) - 48)
    const tokens = (offset + end - textAfter - textAt) / tokenLength
    this.tally.tokens += tokens - this.#tokensBefore
    this.tally.messages += 1
    this.#tokensBefore = tokens
    this.onTokens(tokens)
  }

  #takeOther(text: string): void {
    const { id, type, payload } = JSON.parse(text) as { id?: string; type: string; payload?: Payload }
    const errors = type === 'error' ? payload : payload?.errors
    if (errors) this.#fail(new Error(JSON.stringify(errors)))
    if (id === ids.mutation) {
      if (type === 'next') this.#mutation?.resolve(payload?.data)
      return
    }
    const event = payload?.data?.messageStream
    if (event?.__typename === 'MessageSnapshot') this.tally.snapshots += 1
    const hasEnded = event?.__typename === 'RunStatusChanged' && event.status === 'COMPLETED'
    if (event?.status === 'FAILED') this.#fail(new Error('the run failed'))
    // Of one run, the subscription ends after it, and its id is free again only then.
    if (type === 'complete' || (hasEnded && this.#isFollowing)) this.#answer?.resolve()
  }

  #fail(error: Error): void {
    this.#mutation?.reject(error)
    this.#answer?.reject(error)
  }
}

interface Payload {
  readonly data?: { readonly messageStream?: { readonly __typename: string; readonly status?: string } }
  readonly errors?: unknown
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 48 && byte <= 57
}
