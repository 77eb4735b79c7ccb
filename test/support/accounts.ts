import { randomBytes } from 'node:crypto'
import type { ConfigInput } from '../../src/platform/config/schema.ts'
import { LoginDocument, type LoginMutation, RegisterDocument, type RegisterInput } from '../generated/graphql.ts'
import { createTestClient, type TestClient } from './client.ts'
import { startTestServer, type TestServer, type TestServerOptions } from './server.ts'

/** A good secret for access tokens, another one each run. */
export const jwtSecret = randomBytes(48).toString('base64')

/** For the server of mode `accounts`. */
export const accountsConfig = { auth: { mode: 'accounts', jwt: { secret: jwtSecret } } } satisfies ConfigInput

export type Session = LoginMutation['login']

/** Somebody with an account, signed in. */
export interface Member {
  readonly id: string
  readonly username: string
  readonly password: string
  readonly session: Session
  /** What goes with each HTTP request. */
  readonly headers: { readonly authorization: string }
  /** Disposed of with the fixture. */
  readonly client: TestClient
}

/** A server in mode `accounts`, with its first user, an ADMIN. */
export interface AccountsFixture extends AsyncDisposable {
  readonly server: TestServer
  readonly admin: Member
  /** Of nobody: it brings no credentials. */
  readonly stranger: TestClient
  /** A new user, by default a USER without products and agents, with a name of their own. */
  addMember(input?: Partial<RegisterInput>): Promise<Member>
  /** Signs in once more. */
  login(username: string, password: string): Promise<Session>
  /** A client that sends this access token, or personal access token. */
  clientWith(token: string): TestClient
}

/** As `startTestServer`, whose options it takes; `config.auth.jwt` may add to the fixture's own. */
export async function startAccounts(options: TestServerOptions = {}): Promise<AccountsFixture> {
  await using resources = new AsyncDisposableStack()
  const auth = { mode: 'accounts', jwt: { secret: jwtSecret, ...options.config?.auth?.jwt } } as const
  const server = resources.use(await startTestServer({ ...options, config: { ...options.config, auth } }))
  const stranger = resources.use(createTestClient(server))
  const clients = resources.use(new AsyncDisposableStack())
  const clientWith = (token: string) => clients.use(createTokenClient(server, token))
  const member = (username: string, password: string, session: Session): Member => ({
    id: session.user.id,
    username,
    password,
    session,
    headers: { authorization: `Bearer ${session.accessToken}` },
    client: clientWith(session.accessToken),
  })
  const login = async (username: string, password: string) =>
    (await stranger.request(LoginDocument, { input: { username, password } })).login

  const first = { username: 'admin', password: 'the first of all' }
  const { session } = (await stranger.request(RegisterDocument, { input: first })).register
  if (!session) throw new Error('the first account was not signed in')
  const admin = member(first.username, first.password, session)

  let members = 0
  const held = resources.move()
  return {
    server,
    admin,
    stranger,
    login,
    clientWith,
    async addMember(input = {}) {
      members += 1
      const credentials = { username: `member-${members}`, password: `correct horse ${members}`, ...input }
      await admin.client.request(RegisterDocument, { input: credentials })
      const { username, password } = credentials
      return member(username, password, await login(username, password))
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

/** As `createTestClient`, with a bearer token in each request and in `connectionParams`. */
export function createTokenClient(place: { url: string; webSocketUrl: string }, token: string): TestClient {
  return createTestClient(place, { authorization: `Bearer ${token}` })
}
