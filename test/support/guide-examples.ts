import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kind, type OperationDefinitionNode, parse, print } from 'graphql'
import { findCommand } from '../../src/commands/help.ts'
import { readServersFile } from '../../src/mcp/servers-file.ts'
import { loadConfig } from '../../src/platform/config/load.ts'
import { kinds } from '../../src/providers/kinds.ts'
import { FollowThreadDocument, SendMessageDocument, TypedDocumentString } from '../generated/graphql.ts'
import type { TestClient } from './client.ts'
import type { Example } from './guide.ts'
import type { TestServer } from './server.ts'

/** What the variables of an example stand for, by their names. */
export type Conversation = Readonly<Record<string, string>>

export interface ExampleContext {
  readonly server: TestServer
  readonly client: TestClient
  readonly conversation: Conversation
  /** What the example before gave; a `json` example shows it. */
  readonly answer: unknown
}

/** How an example of each language is tried; a language that is not here cannot be in the guide. Gives its answer. */
export const tryExample: Readonly<Record<string, (example: Example, context: ExampleContext) => Promise<unknown>>> = {
  graphql: tryGraphql,
  http: tryHttp,
  json: (example, context) => (example.file === null ? tryJson(example, context) : tryServersFile(example)),
  yaml: ({ content }) => tryConfig('parley.yaml', content),
  env: ({ content }) => tryConfig('.env', content),
  sh: tryShell,
}

/** A thread with one answer whole and a second one, which takes minutes, on its way. The examples of a row share it. */
export async function prepareConversation(client: TestClient): Promise<Conversation> {
  const { sendMessage: first } = await client.request(SendMessageDocument, { input: { text: 'Hello /fast' } })
  const threadId = first.thread.id
  const follow = { threadId, runId: first.run?.id ?? '', after: first.streamCursor }
  for await (const _ of client.subscribe(FollowThreadDocument, follow));
  const input = { threadId, text: '/long 100000' }
  const { sendMessage: second } = await client.request(SendMessageDocument, { input })
  const after = second.streamCursor
  for await (const { messageStream: event } of client.subscribe(FollowThreadDocument, { threadId, after })) {
    if (event.__typename === 'TextDelta') break
  }
  return {
    threadId,
    messageId: first.message?.id ?? '',
    answerId: first.run?.message?.id ?? '',
    runId: second.run?.id ?? '',
    cursor: after,
  }
}

/** Executes each operation of the document; of a subscription, the first event is waited for. */
async function tryGraphql({ content }: Example, { client, conversation }: ExampleContext): Promise<unknown> {
  const operations = parse(content).definitions.filter((node) => node.kind === Kind.OPERATION_DEFINITION)
  if (operations.length === 0) throw new Error('there is no operation')
  let data: unknown
  for (const operation of operations) {
    const document = new TypedDocumentString<unknown, Conversation>(print(operation))
    const variables = variablesOf(operation, conversation)
    if (operation.operation !== 'subscription') data = await client.request(document, variables)
    else data = await first(client.subscribe(document, variables))
  }
  return data
}

function variablesOf({ variableDefinitions = [] }: OperationDefinitionNode, conversation: Conversation): Conversation {
  const given: Record<string, string> = {}
  for (const { variable, type } of variableDefinitions) {
    const name = variable.name.value
    const value = conversation[name]
    if (value !== undefined) given[name] = value
    else if (type.kind === Kind.NON_NULL_TYPE) throw new Error(`the conversation has no $${name}`)
  }
  return given
}

async function first<T>(values: AsyncIterable<T>): Promise<T> {
  for await (const value of values) return value
  throw new Error('the subscription ended without an event')
}

/**
 * Sends what stands there: a request line, headers, an empty line, a body. `{{name}}` is a variable. The lines of a
 * multipart body are ended as such bodies want it.
 */
async function tryHttp({ content }: Example, { server, conversation }: ExampleContext): Promise<unknown> {
  const text = content.replace(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const value = conversation[name]
    if (value === undefined) throw new Error(`the conversation has no ${name}`)
    return value
  })
  const [, head = '', body] = /^(.*?)(?:\n\n(.*))?$/s.exec(text) ?? []
  const [requestLine = '', ...headerLines] = head.split('\n')
  const [method = '', path = ''] = requestLine.split(' ')
  const headers = new Headers(headerLines.map((line) => line.split(/:\s*/, 2) as [string, string]))
  const isMultipart = headers.get('content-type')?.startsWith('multipart/') === true
  const left = new AbortController()
  const response = await fetch(new URL(path, server.url), {
    method,
    headers,
    signal: left.signal,
    ...(body !== undefined && { body: isMultipart ? body.replaceAll('\n', '\r\n') : body }),
  })
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`)
  if (!response.headers.get('content-type')?.startsWith('text/event-stream')) return dataOf(await response.json())
  const result = await firstEvent(response)
  left.abort()
  return dataOf(result)
}

async function firstEvent({ body }: Response): Promise<unknown> {
  let received = ''
  for await (const chunk of body?.pipeThrough(new TextDecoderStream()) ?? []) {
    received += chunk
    const data = /^event: next\ndata: (.*)\n\n/m.exec(received)?.[1]
    if (data !== undefined) return JSON.parse(data)
  }
  throw new Error(`the response ended without an event: ${received}`)
}

/** What a response says, unless it is a GraphQL result with errors. */
function dataOf(response: unknown): unknown {
  if (typeof response === 'object' && response !== null && 'errors' in response) {
    throw new Error(JSON.stringify(response.errors))
  }
  return response
}

/** Shows the answer of the example before: the same names, with values of the same types. */
async function tryJson({ content }: Example, { answer }: ExampleContext): Promise<unknown> {
  const shown = shapeOf(JSON.parse(content))
  const actual = shapeOf(answer)
  if (shown !== actual) throw new Error(`the answer is ${actual}, and not ${shown}`)
  return answer
}

function shapeOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.length > 0 ? shapeOf(value[0]) : ''}]`
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : typeof value
  const fields = Object.entries(value).map(([name, field]) => `${name}: ${shapeOf(field)}`)
  return `{ ${fields.sort().join(', ')} }`
}

/** Loads it as the server would; the variables that it refers to are set. Throws where the configuration is wrong. */
async function tryConfig(name: 'parley.yaml' | '.env', content: string): Promise<unknown> {
  const directory = await mkdtemp(join(tmpdir(), 'parley-guide-'))
  try {
    await writeFile(join(directory, name), content)
    const references = [...content.matchAll(/\$\{(\w+)\}/g)].map(([, variable = '']) => [variable, 'example'])
    const env = Object.fromEntries(references)
    const { config, sources } = loadConfig({ argv: [], env, cwd: directory, providerKinds: Object.keys(kinds) })
    if (![...sources.values()].some((source) => source.includes(name))) throw new Error('it says nothing')
    return config
  } finally {
    await rm(directory, { recursive: true })
  }
}

/** Reads it as the server would; the variables that it refers to are set. */
async function tryServersFile({ file, content }: Example): Promise<unknown> {
  const directory = await mkdtemp(join(tmpdir(), 'parley-guide-'))
  try {
    await writeFile(join(directory, 'mcp-servers.json'), content)
    const variables = Object.fromEntries(
      [...content.matchAll(/\$\{(\w+)\}/g)].map(([, name = '']) => [name, 'example']),
    )
    const { servers, ignored } = readServersFile({
      file: file ?? undefined,
      source: undefined,
      cwd: directory,
      variables,
    })
    if (servers.length === 0 || ignored.length > 0) throw new Error(`not understood: ${ignored.join(', ')}`)
    return servers
  } finally {
    await rm(directory, { recursive: true })
  }
}

/**
 * Checks each line, `NAME=value … npm start|run NAME -- ARGUMENTS`: the command exists, knows its flags, and could be
 * configured so. Nothing is run.
 */
async function tryShell({ content }: Example): Promise<unknown> {
  for (const line of content.split('\n').filter((text) => text !== '')) {
    const parts = /^((?:[A-Z_]+=\S+ )*)npm (start|run (\w+))(?: -- (.*))?$/.exec(line)
    if (!parts) throw new Error(`not a line that can be checked: ${line}`)
    const [, assignments = '', start, script, given = ''] = parts
    const words = given.split(' ').filter((word) => word !== '')
    const name = start === 'start' ? 'serve' : script === 'parley' ? (words.shift() ?? '') : (script ?? '')
    const command = findCommand(name)
    const own = new Set(command.flags.map(([written]) => written.split(' ')[0]))
    const argv = words.filter((word) => !own.has(word))
    const env = Object.fromEntries(assignments.split(' ').map((text) => text.split('=', 2)))
    if (command.takesConfiguration) loadConfig({ argv, env, cwd: tmpdir(), providerKinds: Object.keys(kinds) })
  }
  return undefined
}
