import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ConfigInput } from '../../src/platform/config/schema.ts'
import { createTestClient, type TestClient } from './client.ts'
import { scriptedProvider } from './conversation.ts'
import { createTestDatabase, type TestDatabase } from './database.ts'
import { environmentOf, type ServerProcess, startProcess, temporaryDirectory } from './process.ts'
import type { ScriptedModel } from './scripted-model.ts'

/** A server in a process of its own, and a client of it. */
export interface ProcessConversations extends AsyncDisposable {
  readonly process: ServerProcess
  readonly server: { readonly url: string; readonly webSocketUrl: string }
  readonly client: TestClient
}

/** A place to start servers in, one after another: its database and its configuration outlive them. */
export interface ServerPlace extends AsyncDisposable {
  readonly database: TestDatabase
  /** Returns once the server serves; `env` comes on top of what leads it to its database. */
  start(env?: Readonly<Record<string, string>>): Promise<ProcessConversations>
}

/** The default model of the servers that are started there is the scripted one. */
export async function createServerPlace(
  model: Pick<ScriptedModel, 'baseUrl'>,
  config: ConfigInput = {},
): Promise<ServerPlace> {
  await using resources = new AsyncDisposableStack()
  const database = resources.use(await createTestDatabase())
  const { path } = resources.use(await temporaryDirectory())
  // JSON is YAML.
  await writeFile(join(path, 'parley.yaml'), JSON.stringify({ ...scriptedProvider(model), ...config }))
  const held = resources.move()
  return {
    database,
    start: (env = {}) => start(path, { ...environmentOf(database), ...env }),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

async function start(cwd: string, env: Readonly<Record<string, string>>): Promise<ProcessConversations> {
  await using resources = new AsyncDisposableStack()
  const process = resources.use(await startProcess({ cwd, env }))
  const url = `${process.url}/graphql`
  const server = { url, webSocketUrl: url.replace(/^http/, 'ws') }
  const client = resources.use(createTestClient(server))
  const held = resources.move()
  return { process, server, client, [Symbol.asyncDispose]: () => held.disposeAsync() }
}
