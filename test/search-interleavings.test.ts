import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  ClearThreadDocument,
  DeleteAttachmentDocument,
  DeleteThreadDocument,
  PurgeThreadDocument,
  RestoreThreadDocument,
  SendMessageDocument,
  UpdateMessageDocument,
} from './generated/graphql.ts'
import { createTestClient, type TestClient } from './support/client.ts'
import { readAttachment, upload } from './support/files.ts'
import { countRounds } from './support/rounds.ts'
import { find, indexed } from './support/search.ts'
import { startTestServer, type TestServer } from './support/server.ts'

let server: TestServer
let client: TestClient

beforeAll(async () => {
  server = await startTestServer({ config: { llm: { enabled: false }, search: {} } })
  client = createTestClient(server)
})

afterAll(async () => {
  await client?.[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
})

type Step = {
  readonly kind: 'send' | 'attach' | 'detach' | 'edit' | 'delete' | 'restore' | 'clear' | 'purge' | 'search'
  readonly of: number
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(
    ...(['send', 'send', 'attach', 'attach', 'detach', 'edit', 'edit', 'delete'] as const),
    ...(['restore', 'restore', 'clear', 'purge', 'search'] as const),
  ),
  of: fc.nat(1_000),
})

/** What one thread says, as it should be. */
interface Said {
  readonly messages: Map<string, string>
  /** What files of messages say: of each, its id, and the message that it is on. */
  readonly files: Map<string, { readonly id: string; readonly messageId: string }>
  isDeleted: boolean
}

const fileName = 'said.txt'

function unmarked(snippet: string): string {
  return snippet.replaceAll(/<\/?mark>/g, '')
}

/** Threads of one round, each message of which holds a word of the round and one that no other text ever held. */
class Round {
  readonly #word: string
  readonly #threads = new Map<string, Said>()
  #texts = 0

  constructor(round: number) {
    this.#word = `round${round}x`
  }

  async take({ kind, of }: Step): Promise<void> {
    const [threadId, said] = [...this.#threads][of % Math.max(1, this.#threads.size)] ?? []
    if (threadId === undefined || said === undefined) return this.#send(null)
    switch (kind) {
      case 'send':
        return this.#send(of % 2 === 0 || said.isDeleted ? null : threadId)
      case 'attach':
        return this.#send(said.isDeleted ? null : threadId, true)
      case 'detach':
        return this.#detach(said, of)
      case 'edit':
        return this.#edit(said, of)
      case 'delete':
        if (said.isDeleted) return
        await client.request(DeleteThreadDocument, { threadId })
        said.isDeleted = true
        return
      case 'restore':
        await client.request(RestoreThreadDocument, { threadId })
        said.isDeleted = false
        return
      case 'clear':
        if (said.isDeleted) return
        await client.request(ClearThreadDocument, { threadId })
        said.messages.clear()
        said.files.clear()
        return
      case 'purge':
        await client.request(PurgeThreadDocument, { threadId })
        this.#threads.delete(threadId)
        return
      case 'search':
        return this.#expectOnlyWhatIsSaid()
    }
  }

  /** What is found is what is said, all of it, and in each mode nothing else. */
  async settle(): Promise<void> {
    const files = this.#present().flatMap(({ files }) => [...files])
    for (const [, { id }] of files) await readAttachment(client, id)
    await indexed(client)
    expect(await this.#found()).toEqual(
      this.#present()
        .flatMap(({ messages }) => [...messages.values()])
        .toSorted(),
    )
    for (const [text, { messageId }] of files) {
      const found = await find(client, `"${text}"`, { mode: 'FULL_TEXT' })
      expect(found.map(({ message, snippet }) => [message.id, unmarked(snippet)])).toEqual([[messageId, text]])
    }
    await this.#expectOnlyWhatIsSaid()
  }

  /** A file is sent before it is read. */
  async #send(threadId: string | null, withFile = false): Promise<void> {
    const text = this.#newText()
    const fileText = this.#newText()
    const file = withFile ? await upload({ server }, fileName, fileText) : null
    const { sendMessage } = await client.request(SendMessageDocument, {
      input: { text, threadId, ...(file && { attachmentIds: [file.id] }) },
    })
    const said = this.#threads.get(sendMessage.thread.id) ?? {
      messages: new Map(),
      files: new Map(),
      isDeleted: false,
    }
    this.#threads.set(sendMessage.thread.id, said)
    const messageId = sendMessage.message?.id ?? expect.fail('no message')
    said.messages.set(messageId, text)
    if (file) said.files.set(fileText, { id: file.id, messageId })
  }

  async #detach(said: Said, of: number): Promise<void> {
    const [text, file] = [...said.files][of % Math.max(1, said.files.size)] ?? []
    if (text === undefined || file === undefined || said.isDeleted) return
    await client.request(DeleteAttachmentDocument, { attachmentId: file.id })
    said.files.delete(text)
  }

  async #edit(said: Said, of: number): Promise<void> {
    const messageId = [...said.messages.keys()][of % Math.max(1, said.messages.size)]
    if (messageId === undefined || said.isDeleted) return
    const text = this.#newText()
    await client.request(UpdateMessageDocument, { input: { messageId, text } })
    said.messages.set(messageId, text)
  }

  /** While the index is behind, something may be missing, and nothing may be wrong. */
  async #expectOnlyWhatIsSaid(): Promise<void> {
    const said = this.#present()
    for (const mode of ['FULL_TEXT', 'SEMANTIC', 'REGEX', 'HYBRID'] as const) {
      const found = await find(client, this.#word, { mode, first: 100 })
      for (const { message, snippet } of found.filter(({ message: { text } }) => text.includes(this.#word))) {
        const { messages, files } = said.find((thread) => thread.messages.has(message.id)) ?? expect.fail('not said')
        expect(message.text).toBe(messages.get(message.id))
        const fileTexts = [...files].filter(([, file]) => file.messageId === message.id).map(([text]) => text)
        expect([message.text, ...fileTexts, ...fileTexts.map(() => fileName)]).toContain(unmarked(snippet))
      }
    }
  }

  async #found(): Promise<string[]> {
    const found = await find(client, this.#word, { mode: 'FULL_TEXT', first: 100 })
    return found.map(({ message: { text } }) => text).toSorted()
  }

  #present(): Said[] {
    return [...this.#threads.values()].filter(({ isDeleted }) => !isDeleted)
  }

  #newText(): string {
    this.#texts += 1
    return `In ${this.#word} was said the text${this.#texts}x`
  }
}

test('whatever is done while the index follows, what is found is what is said', { timeout: 900_000 }, async ({
  task,
}) => {
  let rounds = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 20 }), async (steps) => {
      rounds += 1
      const round = new Round(rounds)
      for (const next of steps) await round.take(next)
      await round.settle()
    }),
    { numRuns: countRounds(task, 8, 200), endOnFailure: true },
  )
})
