import { text as readAll } from 'node:stream/consumers'
import { createApp } from '../app.ts'
import { clientTokenName } from '../platform/config/keys.ts'
import { type LoadedConfig, loadConfig } from '../platform/config/load.ts'
import { messageOf } from '../platform/errors.ts'
import { createLog } from '../platform/log.ts'
import { kinds } from '../providers/kinds.ts'
import { cancel, follow, type Question, type Sent, type StreamEvent, send } from './answer.ts'
import { createPrinter, type Printer } from './answer-printer.ts'
import { type Approver, createApprover } from './approver.ts'
import { type Command, exitCodeOf, type Invocation, UsageError } from './command.ts'
import { localUrlOf } from './local-url.ts'
import { readMcpServers } from './mcp-servers.ts'
import { readAhead } from './read-ahead.ts'
import { createServerClient, findServer, type ServerClient, ServerError } from './server-client.ts'
import { unlessAborted } from './signals.ts'
import { shortened, styledFor } from './text.ts'

const flags = {
  thread: { type: 'string' },
  model: { type: 'string' },
  url: { type: 'string' },
  yes: { type: 'boolean' },
  json: { type: 'boolean' },
} as const

type Loaded = LoadedConfig<typeof flags>

/** How long cancelling may take, and the stream to tell of it. */
const cancelTimeoutMs = 10_000

export const chat: Command = {
  async run(invocation) {
    const { argv, env, cwd, stdin, stdout, stderr, interrupted } = invocation
    const loaded = loadConfig({ argv, env, cwd, providerKinds: Object.keys(kinds), commandFlags: flags })
    const question: Question = {
      text: await readQuestion(loaded.positionals, invocation),
      threadId: loaded.flags.thread,
      modelId: loaded.flags.model,
    }
    await using target = await reachServer(loaded, invocation)
    const client = createServerClient(target.url, { token: env[clientTokenName] })
    const printer = createPrinter({ stdout, stderr, json: loaded.flags.json ?? false })
    const approver = createApprover({ client, stdin, stderr, approvesAll: loaded.flags.yes ?? false })
    const style = styledFor(stderr)
    try {
      const sent = await send(client, question, interrupted)
      const exitCode = await answer(client, sent, { printer, approver }, invocation)
      const threadId = shortened(sent.threadId)
      stderr.write(style('dim', `${threadId}; to go on: npm run chat -- --thread ${threadId} "…"\n`))
      return exitCode
    } catch (error) {
      if (interrupted.aborted) return exitCodeOf(interrupted)
      if (!(error instanceof ServerError)) throw error
      printer.fail(error.message)
      return 1
    }
  },
}

async function answer(
  client: ServerClient,
  sent: Sent,
  { printer, approver }: { readonly printer: Printer; readonly approver: Approver },
  { interrupted }: Invocation,
): Promise<number> {
  const { runId } = sent
  if (runId === null) {
    printer.fail('The message is stored, and models are switched off: there is no answer.')
    return 1
  }
  // The stream outlives the first Ctrl-C: it tells how the run ended.
  const patience = new AbortController()
  const onInterrupt = () => {
    const timeout = AbortSignal.timeout(cancelTimeoutMs)
    timeout.addEventListener('abort', () => patience.abort(timeout.reason), { once: true })
    cancel(client, runId, timeout).catch((error) => {
      printer.fail(`The run could not be cancelled: ${messageOf(error)}`)
      patience.abort(error)
    })
  }
  if (interrupted.aborted) onInterrupt()
  else interrupted.addEventListener('abort', onInterrupt, { once: true })
  let last: StreamEvent | undefined
  try {
    for await (const { event, settled } of readAhead(follow(client, sent, runId, patience.signal))) {
      printer.print(event)
      if (!(await approver.take(event, settled, interrupted))) {
        printer.fail(`${event.approval?.toolCall.name} waits for an approval: decide in GraphiQL, or ask with --yes.`)
        return 1
      }
      if (event.__typename === 'RunStatusChanged') last = event
    }
  } finally {
    interrupted.removeEventListener('abort', onInterrupt)
    patience.abort()
    printer.end()
  }
  if (last?.status === 'COMPLETED') return 0
  if (interrupted.aborted) {
    printer.fail('Cancelled; what was said so far is stored.')
    return exitCodeOf(interrupted)
  }
  const error = last?.run?.error
  const ended = last?.status === 'INTERRUPTED' ? 'The answer was interrupted' : 'The answer failed'
  printer.fail(error ? `${ended}: ${error.code}: ${error.message}` : `${ended}.`)
  return 1
}

/** The arguments as one text, or standard input for `-`. */
async function readQuestion(positionals: readonly string[], { stdin }: Invocation): Promise<string> {
  const question = positionals.length === 1 && positionals[0] === '-' ? await readAll(stdin) : positionals.join(' ')
  if (question.trim() === '') throw new UsageError('A question is missing: npm run chat -- "Hello".')
  return question
}

interface Target extends AsyncDisposable {
  readonly url: string
}

/** The server that was named, the one that runs as configured, or one that is started and ends with the command. */
async function reachServer(loaded: Loaded, { cwd, stderr, interrupted }: Invocation): Promise<Target> {
  const { config, flags, sources } = loaded
  const leave = async () => {}
  if (flags.url !== undefined) {
    if (!URL.canParse(flags.url)) throw new UsageError('--url takes an address such as http://127.0.0.1:4000.')
    return { url: flags.url.replace(/(\/graphql)?\/*$/, ''), [Symbol.asyncDispose]: leave }
  }
  const configured = localUrlOf(config)
  if (await findServer(configured)) return { url: configured, [Symbol.asyncDispose]: leave }

  const { publicUrl: _, ...rest } = config
  const logLevel = sources.get('logLevel') === 'default' ? 'warn' : config.logLevel
  const log = createLog({ ...config, logLevel }, stderr)
  const { servers: mcpServers } = readMcpServers(loaded, cwd)
  const starting = createApp({ config: { ...rest, port: 0, logLevel }, log, mcpServers })
  const app = await unlessAborted(starting, interrupted)
  // No time to drain: what still runs by now is nobody's any more.
  return { url: app.server.url, [Symbol.asyncDispose]: () => app[Symbol.asyncDispose]() }
}
