import type pg from 'pg'
import { vi } from 'vitest'
import {
  DeleteThreadDocument,
  FollowThreadDocument,
  TypedDocumentString,
  UpdateThreadDocument,
} from '../generated/graphql.ts'
import { type AccountsFixture, type Member, startAccounts } from './accounts.ts'
import { type Asked, ask, scriptedProvider } from './conversation.ts'
import { createTestDatabase } from './database.ts'
import { readAttachment, type Sender, upload } from './files.ts'
import { connectToRows } from './rows.ts'
import { echo, startScriptedModel } from './scripted-model.ts'
import { indexed } from './search.ts'
import { storeToolRows, type ToolIds } from './tool-rows.ts'

/** In everything that the owner has written: it must be in nobody else's response. */
export const canary = 'canary-of-the-owner'

/** Somebody who sends requests. */
export interface Persona {
  readonly name: string
  /** What goes with each request, and in a WebSocket's `connectionParams`. */
  readonly headers: Readonly<Record<string, string>>
  /** Ids that are theirs; of those who have nothing, another's who may not be hurt. */
  readonly own: OwnIds
}

export type OwnIds = Readonly<
  Record<'user' | 'thread' | 'message' | 'run' | 'accessToken' | 'attachment' | keyof ToolIds, string>
>

export interface Personas extends AsyncDisposable {
  readonly accounts: AccountsFixture
  readonly rows: pg.Client
  /** A USER: of whom the others must learn nothing. Their run `live` is going on as long as the test is. */
  readonly owner: Persona & { readonly answered: Asked; readonly live: Asked }
  /** Another USER, with a thread of their own. */
  readonly other: Persona
  /** An ADMIN, with a thread of their own. */
  readonly admin: Persona
  /** A VIEWER, with a thread from when they were a USER. */
  readonly viewer: Persona
  /** Without credentials. */
  readonly nobody: Persona
  /** With credentials from before their account was deleted. */
  readonly deleted: Persona
  /** A new thread of this member with one answered message. */
  converse(member: Member, text: string): Promise<Asked>
  /** The fixture's member that the owner is. */
  readonly ownerMember: Member
}

const liveQuestion = `Live ${canary}`
const liveAnswer = `Being written ${canary}`
const waiting = { timeout: 20_000, interval: 20 }

const ChangeRole = new TypedDocumentString<unknown, { userId: string }>(
  'mutation ($userId: ID!) { updateUser(input: { userId: $userId, role: VIEWER }) { user { role } } }',
)
const DeleteUser = new TypedDocumentString<unknown, { userId: string }>(
  'mutation ($userId: ID!) { deleteUser(input: { userId: $userId }) { userId } }',
)
const CreateToken = new TypedDocumentString<
  { createPersonalAccessToken: { accessToken: { id: string } } },
  { name: string }
>(`mutation ($name: String!) {
  createPersonalAccessToken(input: { name: $name, scope: READ, expiresInDays: 1 }) { accessToken { id } }
}`)

/** A personal access token's id. */
export async function createToken({ client }: Pick<Member, 'client'>, name: string): Promise<string> {
  return (await client.request(CreateToken, { name })).createPersonalAccessToken.accessToken.id
}

/** The id of a new file that was read. */
export async function storeFile(sender: Sender & Pick<Member, 'client'>, text: string): Promise<string> {
  const { id } = await upload(sender, `${text}.txt`, text)
  await readAttachment(sender.client, id)
  return id
}

export async function startPersonas(): Promise<Personas> {
  await using resources = new AsyncDisposableStack()
  const database = resources.use(await createTestDatabase())
  const model = resources.use(await startScriptedModel())
  // One answer is never finished; all others are.
  model.onRequest((exchange) => (exchange.lastUserText === liveQuestion ? exchange.text(liveAnswer) : echo(exchange)))
  const { providers, ...config } = scriptedProvider(model)
  // The model may be silent for as long as the matrix takes.
  const patient = providers?.map((provider) => ({ ...provider, idleTimeoutMs: 3_600_000 }))
  const accounts = resources.use(
    await startAccounts({ config: { ...config, providers: patient, search: {} }, database }),
  )
  const rows = resources.use(await connectToRows(database))

  const converse = async (member: Member, text: string) => {
    const asked = await ask(member.client, text)
    for await (const { messageStream } of member.client.subscribe(FollowThreadDocument, {
      threadId: asked.threadId,
      runId: asked.runId,
      after: asked.streamCursor,
    })) {
      if (messageStream.__typename === 'RunStatusChanged' && messageStream.status === 'FAILED')
        throw new Error('failed')
    }
    return asked
  }
  const persona = async (name: string, member: Member, asked: Asked): Promise<Persona> => ({
    name,
    headers: member.headers,
    own: {
      attachment: await storeFile({ server: accounts.server, ...member }, name === 'owner' ? canary : `Of ${name}`),
      user: member.id,
      thread: asked.threadId,
      message: asked.questionId,
      run: asked.runId,
      accessToken: await createToken(member, `Token of ${member.username}`),
      ...(await storeToolRows(rows, member.id, asked, name === 'owner' ? canary : `Of ${name}`)),
    },
  })
  const somebody = async (name: string) => {
    const member = await accounts.addMember({ username: name })
    return persona(name, member, await converse(member, `Of ${name}`))
  }

  const ownerMember = await accounts.addMember({ username: canary })
  const answered = await converse(ownerMember, `Answered ${canary}`)
  const written = `Written ${canary}`
  await ownerMember.client.request(UpdateThreadDocument, {
    input: {
      threadId: answered.threadId,
      title: written,
      summary: written,
      instructions: written,
      metadata: { written },
    },
  })
  const gone = await converse(ownerMember, `Deleted ${canary}`)
  await ownerMember.client.request(DeleteThreadDocument, { threadId: gone.threadId })

  const other = await somebody('other')
  const viewer = await somebody('viewer')
  await accounts.admin.client.request(ChangeRole, { userId: viewer.own.user })
  const deleted = await somebody('deleted')
  await accounts.admin.client.request(DeleteUser, { userId: deleted.own.user })
  const admin = await persona('admin', accounts.admin, await converse(accounts.admin, 'Of admin'))

  const live = await ask(ownerMember.client, liveQuestion)
  // Until the row has it: from then on, nothing of the run changes by itself.
  await vi.waitFor(async () => {
    const { rows: stored } = await rows.query('SELECT text FROM "Message" WHERE id = $1', [live.answerId])
    if (stored[0]?.text !== liveAnswer) throw new Error('the answer so far is not stored')
  }, waiting)

  const owner = { ...(await persona('owner', ownerMember, answered)), answered, live }
  // What search does behind the conversation has ended too.
  await indexed(accounts.admin.client)

  const held = resources.move()
  return {
    accounts,
    rows,
    owner,
    ownerMember,
    other,
    admin,
    viewer,
    deleted: { ...deleted, own: other.own },
    nobody: { name: 'nobody', headers: {}, own: other.own },
    converse,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}
