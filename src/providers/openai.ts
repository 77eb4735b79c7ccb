import { OpenAI } from 'openai'
import { Deadline } from './deadline.ts'
import { EventStreamResponse, httpFetch, readBody } from './http-fetch.ts'
import type { ModelEvent } from './model-event.ts'
import { malformedError, timeoutError, toProviderError, toStreamError, truncatedError } from './openai-errors.ts'
import { isChatModel, toModelDescriptions } from './openai-models.ts'
import { toChatRequest } from './openai-request.ts'
import { ChatTurn, type StreamFailure } from './openai-turn.ts'
import type { ModelRequest, Provider } from './provider.ts'
import type { ProviderConfig } from './provider-config.ts'
import type { ProviderError } from './provider-error.ts'
import { SseDecoder } from './sse.ts'

const officialUrl = 'https://api.openai.com/v1'
/** How long a stream may still bring usage and `[DONE]` after the finish reason, in milliseconds. */
const afterAnswerMs = 5_000

/** OpenAI's Chat Completions, and every server that speaks them. */
export function createOpenAIProvider(config: ProviderConfig): Provider {
  const baseUrl = config.baseUrl ?? officialUrl
  const official = new URL(baseUrl).hostname === 'api.openai.com'
  const secrets = secretsOf(config, baseUrl)
  const client = createClient(config, baseUrl)

  async function* stream(request: ModelRequest, signal: AbortSignal): AsyncGenerator<readonly ModelEvent[], void> {
    signal.throwIfAborted()
    using deadline = new Deadline(signal, config.timeoutMs)
    const turn = new ChatTurn()
    try {
      const incoming = await openStream(request, deadline.signal)
      deadline.reset(config.idleTimeoutMs)
      const decoder = new SseDecoder()
      for await (const reads of readBody(incoming, () => turn.isAnswered)) {
        deadline.signal.throwIfAborted()
        deadline.stop()
        const answered = turn.isAnswered
        const events = turn.push(reads.flatMap((bytes) => decoder.push(bytes)))
        if (events.length > 0) yield events
        if (turn.failure) throw toError(turn.failure)
        if (turn.isDone) break
        if (decoder.isTooLong) throw malformedError('an event is too long')
        deadline.signal.throwIfAborted()
        if (turn.isAnswered && !answered) deadline.reset(Math.min(config.idleTimeoutMs, afterAnswerMs))
        else deadline.restart()
      }
      if (!turn.isDone) {
        const events = turn.push(decoder.end())
        if (events.length > 0) yield events
        if (turn.failure?.type === 'provider-error') throw toError(turn.failure)
        // A chunk that is cut short is no JSON.
        if (turn.failure && !turn.isAnswered) throw truncatedError()
      }
    } catch (error) {
      signal.throwIfAborted()
      // Where the answer is whole, what broke afterwards was the connection's goodbye.
      const isWhole = turn.isAnswered && !turn.failure
      if (!isWhole) throw deadline.expired ? timeoutError(error) : toProviderError(error, secrets)
    }
    if (!turn.isAnswered) throw truncatedError()
    yield turn.finish()
  }

  async function openStream(request: ModelRequest, signal: AbortSignal): Promise<EventStreamResponse['incoming']> {
    const response = await client.chat.completions.create(toChatRequest(request, official), { signal }).asResponse()
    if (response instanceof EventStreamResponse) return response.incoming
    throw notAStream(await response.text())
  }

  /** Some servers send an error as JSON with the status 200. */
  function notAStream(body: string): ProviderError {
    let error: unknown
    try {
      error = (JSON.parse(body) as { error?: unknown } | null)?.error
    } catch {
      // No JSON: HTML, mostly.
    }
    return error == null ? malformedError('it is no stream of events') : toStreamError(error, secrets)
  }

  function toError(failure: StreamFailure): ProviderError {
    if (failure.type === 'provider-error') return toStreamError(failure.error, secrets)
    return malformedError(failure.detail, failure.cause)
  }

  return {
    id: config.id,
    kind: config.kind,
    stream,
    async listModels(signal) {
      signal.throwIfAborted()
      using deadline = new Deadline(signal, config.timeoutMs)
      try {
        const page = await client.models.list({ signal: deadline.signal })
        return toModelDescriptions(page.data).filter(({ name }) => !official || isChatModel(name))
      } catch (error) {
        signal.throwIfAborted()
        throw deadline.expired ? timeoutError(error) : toProviderError(error, secrets)
      }
    },
  }
}

/** What no message may hold: the key, headers that are keys, and where the server is. */
function secretsOf({ apiKey, headers }: ProviderConfig, baseUrl: string): readonly string[] {
  const url = new URL(baseUrl)
  const keys = Object.entries(headers ?? {})
    .filter(([name]) => /auth|key|token|secret|cookie/i.test(name))
    .map(([, value]) => value.replace(/^\w+ /, ''))
  return [apiKey ?? '', ...keys, url.password, url.host, url.hostname].filter((secret) => secret.length >= 4)
}

/** What the SDK would take from the environment is given or forbidden: configuration comes from one place. */
function createClient(config: ProviderConfig, baseURL: string): OpenAI {
  return new OpenAI({
    baseURL,
    // The SDK insists on a key; without one, the header that would carry this word is left out below.
    apiKey: config.apiKey || 'none',
    adminAPIKey: null,
    organization: null,
    project: null,
    webhookSecret: null,
    logLevel: 'off',
    // The SDK waits between tries, with jitter and as long as `Retry-After` says; nothing is tried again once it streams.
    maxRetries: config.maxRetries,
    timeout: config.timeoutMs,
    fetch: httpFetch,
    defaultHeaders: { ...(config.apiKey ? {} : { authorization: null }), ...config.headers },
  })
}
