// biome-ignore-all lint/suspicious/noTemplateCurlyInString: this is how a file of servers refers to variables

import { resolve } from 'node:path'
import { z } from 'zod'
import { messageOfIssue, pathOf } from '../platform/config/check.ts'
import type { Variables } from '../platform/config/layer.ts'
import { nearest } from '../platform/config/nearest.ts'
import { isMapping, type Path } from '../platform/config/path.ts'
import { milliseconds } from '../platform/config/values.ts'
import type { McpServerConfig } from './server-config.ts'
import { fillVariables } from './servers-file-variables.ts'

const text = z.string().min(1)
const variableName = z.string().regex(/^[A-Za-z_]\w*$/, 'expected a name of letters, digits and _')
const headerName = z.string().regex(/^[\w!#$%&'*+\-.^`|~]+$/, "expected a header's name")

/** What an entry may hold, whatever it is for. */
export const entrySchema = z.strictObject({
  type: text.optional(),
  transport: text.optional(),
  command: text.optional(),
  args: z.array(z.string()).default([]),
  env: z.record(variableName, z.string()).default({}),
  cwd: text.optional(),
  url: text.optional(),
  headers: z.record(headerName, z.string()).default({}),
  approval: z.enum(['allow', 'ask', 'deny']).nullish(),
  timeoutMs: milliseconds(1).nullish(),
  forwardToken: z.boolean().default(false),
  disabled: z.boolean().default(false),
})

type Entry = z.output<typeof entrySchema>

/** Each key as it could be written. */
export const entryExamples: Readonly<Record<string, string>> = {
  type: '"type": "http"',
  transport: '"transport": "http"',
  command: '"command": "npx"',
  args: '"args": ["-y", "@modelcontextprotocol/server-memory"]',
  env: '"env": { "API_KEY": "${API_KEY}" }',
  cwd: '"cwd": "/srv"',
  url: '"url": "https://tools.example.com/mcp"',
  headers: '"headers": { "Authorization": "Bearer ${TOOLS_TOKEN}" }',
  approval: '"approval": "ask"',
  timeoutMs: '"timeoutMs": 60000',
  forwardToken: '"forwardToken": false',
  disabled: '"disabled": true',
}

/** Keys in which variables are filled. */
const filledKeys: ReadonlySet<string> = new Set(['command', 'args', 'env', 'cwd', 'url', 'headers'])

/** Of other products, and close to a key of ours that means something else. */
const foreignKeys: ReadonlySet<string> = new Set([
  'dev',
  'timeout',
  'env_file',
  'envFile',
  'transportType',
  'httpUrl',
  'serverUrl',
])

/** Of other products, and not to be ignored: the key that says the same here. */
const translations: ReadonlyMap<string, string> = new Map([['enabled', 'disabled']])

/** The other words for each type, as they are without `-` and `_`, in lower case. */
const types: ReadonlyMap<string, McpServerConfig['type']> = new Map([
  ['stdio', 'stdio'],
  ['http', 'http'],
  ['streamablehttp', 'http'],
  ['sse', 'sse'],
])

/** What is wrong at a path inside an entry; it holds none of its values. */
export interface EntryProblem {
  readonly path: Path
  readonly message: string
  /** What could stand there, or be done, instead; left out: an example of the key. */
  readonly example?: string
}

export interface EntryReading {
  /** Null where there are problems. */
  readonly server: McpServerConfig | null
  readonly problems: readonly EntryProblem[]
  /** Keys that mean nothing here. */
  readonly ignored: readonly string[]
}

export interface EntryOptions {
  readonly id: string
  readonly cwd: string
  readonly variables: Variables
}

/** Reads one entry. What a disabled one's variables and addresses are is looked at when it is enabled. */
export function readEntry(written: unknown, { id, cwd, variables }: EntryOptions): EntryReading {
  const problems: EntryProblem[] = []
  const ignored: string[] = []
  const secrets: string[] = []
  const isDisabled = isMapping(written) && written.disabled === true

  const fill = (value: unknown, path: Path): unknown => {
    if (Array.isArray(value)) return value.map((item, index) => fill(item, [...path, index]))
    if (isMapping(value)) {
      return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, fill(member, [...path, key])]))
    }
    if (typeof value !== 'string') return value
    const filled = fillVariables(value, variables)
    secrets.push(...filled.values)
    if (!isDisabled) problems.push(...filled.faults.map((fault) => ({ path, ...fault })))
    return filled.text
  }

  const known: Record<string, unknown> = {}
  for (const [key, value] of isMapping(written) ? Object.entries(written) : []) {
    if (Object.hasOwn(entrySchema.shape, key)) {
      known[key] = filledKeys.has(key) ? fill(value, [key]) : value
      continue
    }
    const meant =
      translations.get(key) ?? (foreignKeys.has(key) ? undefined : nearest(key, Object.keys(entrySchema.shape)))
    if (meant === undefined) ignored.push(key)
    else
      problems.push({
        path: [key],
        message: `unknown key; did you mean ${meant}?`,
        example: entryExamples[meant] ?? '',
      })
  }

  const given = isMapping(written) ? known : written
  const parsed = entrySchema.safeParse(given)
  if (!parsed.success) {
    const issues = parsed.error.issues.map((issue) => ({
      path: pathOf(issue),
      message: messageOfIssue(entrySchema, issue, given),
    }))
    return { server: null, problems: [...problems, ...issues], ignored }
  }
  const entry = parsed.data
  problems.push(...(isDisabled ? kindProblems(entry) : [...kindProblems(entry), ...addressProblems(entry)]))
  if (problems.length > 0) return { server: null, problems, ignored }
  const misplaced = entry.url === undefined ? ['headers'] : ['args', 'env', 'cwd']
  ignored.push(...misplaced.filter((key) => Object.hasOwn(known, key)))
  return { server: serverOf(entry, id, cwd, secrets), problems, ignored }
}

function serverOf(entry: Entry, id: string, cwd: string, filled: readonly string[]): McpServerConfig | null {
  const { command, args, env, url, headers, forwardToken, disabled, approval = null, timeoutMs = null } = entry
  const common = { id, disabled, approval, timeoutMs }
  if (command !== undefined) {
    const secrets = [...filled, ...Object.values(env)]
    const directory = entry.cwd === undefined ? null : resolve(cwd, entry.cwd)
    return { ...common, secrets, type: 'stdio', command, args, env, cwd: directory }
  }
  if (url === undefined) return null
  // Of `Bearer KEY`, a server may repeat the key alone.
  const keys = Object.values(headers).map((value) => value.replace(/^\S+\s+/, ''))
  const secrets = [...new Set([...filled, ...Object.values(headers), ...keys])]
  return { ...common, secrets, type: typeOf(entry) === 'sse' ? 'sse' : 'http', url, headers, forwardToken }
}

function typeOf({ type, transport }: Entry): McpServerConfig['type'] | undefined {
  return typeNamed(type ?? transport)
}

function typeNamed(word: string | undefined): McpServerConfig['type'] | undefined {
  return word === undefined ? undefined : types.get(word.toLowerCase().replaceAll(/[-_]/g, ''))
}

/** Whether it is clear how the server is reached. */
function kindProblems(entry: Entry): EntryProblem[] {
  const { command, url, type, transport, forwardToken } = entry
  const problems: EntryProblem[] = []
  for (const [key, word] of Object.entries({ type, transport })) {
    if (word !== undefined && typeNamed(word) === undefined)
      problems.push({ path: [key], message: 'expected one of stdio, http, streamable-http, sse' })
  }
  if (problems.length > 0) return problems
  if (type !== undefined && transport !== undefined && typeNamed(type) !== typeNamed(transport))
    problems.push({ path: ['transport'], message: 'it says something else than type' })
  if (command === undefined && url === undefined)
    problems.push({ path: [], message: 'expected command, for a server to start, or url, for one to reach' })
  else if (command !== undefined && url !== undefined)
    problems.push({ path: ['url'], message: 'expected command or url, not both' })
  else if (typeOf(entry) === 'stdio' && url !== undefined)
    problems.push({ path: ['url'], message: 'a stdio server has a command, and no url' })
  else if (typeOf(entry) !== undefined && typeOf(entry) !== 'stdio' && command !== undefined)
    problems.push({ path: ['command'], message: 'a server that is reached by HTTP has a url, and no command' })
  if (forwardToken && command !== undefined)
    problems.push({ path: ['forwardToken'], message: 'a stdio server is of all users: no caller can be told to it' })
  return problems
}

/** Whether the address and the headers are such that can be sent. */
function addressProblems({ url, headers, forwardToken }: Entry): EntryProblem[] {
  const problems: EntryProblem[] = []
  if (url !== undefined) {
    const address = URL.canParse(url) ? new URL(url) : null
    if (address === null || !['http:', 'https:'].includes(address.protocol))
      problems.push({ path: ['url'], message: 'expected an http or https URL' })
    else if (address.username !== '' || address.password !== '')
      problems.push({ path: ['url'], message: 'expected a URL without a user and a password; headers may hold them' })
  }
  for (const [name, value] of Object.entries(headers)) {
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value))
      problems.push({ path: ['headers', name], message: 'expected a text of one line that a header can hold' })
    if (forwardToken && name.toLowerCase() === 'authorization')
      problems.push({ path: ['headers', name], message: "with forwardToken, this is each caller's own" })
  }
  return problems
}
