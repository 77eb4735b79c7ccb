import { setImmediate, setTimeout } from 'node:timers/promises'
import { type Transcript, textOf } from '../chat/transcript.ts'
import { newUlid } from '../platform/ids.ts'
import { type DemoDirectives, type DemoToolCall, parseDirectives } from './demo-directives.ts'
import { demoEmbedding } from './demo-embedding.ts'
import { type DemoResult, writeAnswer, writeReasoning, writeResults } from './demo-text.ts'
import { toolNames } from './history.ts'
import type { ModelEvent, ToolCallRequested } from './model-event.ts'
import type { ModelRequest, Provider } from './provider.ts'
import type { ProviderConfig } from './provider-config.ts'
import { ProviderError } from './provider-error.ts'

export const demoModel = 'parley-demo'

/** A word each 20 ms is 50 a second: what a hosted model does. */
const wordMs = 20
/** Words that leave as one event where nobody asked for a pace. */
const fastBatch = 32

/**
 * A model that is no model: it answers from a script, the same to the same message, at a human pace, and says so. For
 * building a frontend without a key; what it can be asked for is in `demo-directives.ts`. Its tokens are words.
 */
export function createDemoProvider(config: ProviderConfig): Provider {
  async function* stream(
    { transcript, options }: ModelRequest,
    signal: AbortSignal,
  ): AsyncGenerator<readonly ModelEvent[], void> {
    const message = transcript.findLast((turn) => turn.role === 'user')?.text ?? ''
    const directives = parseDirectives(message)
    const results = directives.tools.length > 0 ? resultsOf(transcript) : null
    const calls = results === null && options.toolChoice !== 'none' ? directives.tools.map(toToolCall) : []
    const reasoning = directives.reason && results === null ? wordsOf(writeReasoning(message)) : []
    const answer = calls.length > 0 ? [] : wordsOf(answerTo(message, directives, results))
    const all: readonly ModelEvent[] = [
      ...reasoning.map((text) => ({ type: 'reasoning-delta' as const, text })),
      ...answer.map((text) => ({ type: 'text-delta' as const, text })),
    ]
    const limit = Math.min(all.length, options.maxOutputTokens ?? all.length)
    // A turn that asks for a tool has no words of which so many could be the last.
    const error = calls.length > 0 ? null : directives.error
    const failsAt = error === null ? Number.POSITIVE_INFINITY : Math.min(error.afterWords, limit)

    await wait(directives.slowMs, signal)
    for (let sent = 0; sent < limit && sent < failsAt; ) {
      signal.throwIfAborted()
      const size = directives.fast && sent > 0 ? Math.min(fastBatch, limit - sent, failsAt - sent) : 1
      const batch = all.slice(sent, sent + size)
      sent += batch.length
      yield joined(batch)
      await wait(directives.fast ? 0 : wordMs, signal)
    }
    signal.throwIfAborted()
    if (error && failsAt <= limit) {
      throw new ProviderError(error.code, 'The demo model failed, as it was asked to.', { retryable: true })
    }
    const asks = limit === all.length ? calls : []
    yield [
      ...asks,
      {
        type: 'turn-finished',
        reason: limit < all.length ? 'length' : asks.length > 0 ? 'tool-calls' : 'stop',
        rawReason: null,
        usage: {
          inputTokens: countWords(transcript),
          outputTokens: limit + asks.reduce((sum, call) => sum + wordsOf(`${call.name} ${call.arguments}`).length, 0),
          reasoningTokens: Math.min(reasoning.length, limit),
          cachedInputTokens: 0,
          estimated: true,
        },
      },
    ]
  }

  return {
    id: config.id,
    kind: config.kind,
    embedding: demoEmbedding,
    // It is no model, so that there is nothing that an option could spoil.
    checkOptions: () => ({}),
    stream,
    async listModels(signal) {
      signal.throwIfAborted()
      return [{ name: demoModel, contextWindow: null, seesImages: false }]
    },
  }
}

/** The results of the tools that the last message had it ask for; null where it has not asked yet. */
function resultsOf(transcript: Transcript): readonly DemoResult[] | null {
  const since = transcript.slice(transcript.findLastIndex(({ role }) => role === 'user') + 1)
  const names = toolNames(since)
  if (names.size === 0) return null
  return since.flatMap((turn) => {
    const name = turn.role === 'tool' ? names.get(turn.toolCallId) : undefined
    return turn.role === 'tool' && name !== undefined ? [{ name, text: turn.text, isError: turn.isError }] : []
  })
}

/** What is asked for beside a tool follows what the tool gave. */
function answerTo(message: string, directives: DemoDirectives, results: readonly DemoResult[] | null): string {
  if (results === null) return writeAnswer(message, directives)
  const more = directives.words !== null || directives.markdown ? [writeAnswer(message, directives)] : []
  return [writeResults(results), ...more].join('\n\n')
}

function toToolCall(call: DemoToolCall): ToolCallRequested {
  return { type: 'tool-call-requested', callId: `call_${newUlid()}`, ...call, providerData: null }
}

/** Lets the event loop turn at least once, so that an abort is seen. Throws the signal's reason. */
async function wait(milliseconds: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  try {
    await (milliseconds > 0 ? setTimeout(milliseconds, undefined, { signal }) : setImmediate(undefined, { signal }))
  } catch (error) {
    signal.throwIfAborted()
    throw error
  }
}

function joined(events: readonly ModelEvent[]): readonly ModelEvent[] {
  const texts: Record<'reasoning-delta' | 'text-delta', string> = { 'reasoning-delta': '', 'text-delta': '' }
  for (const event of events) {
    if (event.type === 'reasoning-delta' || event.type === 'text-delta') texts[event.type] += event.text
  }
  return (['reasoning-delta', 'text-delta'] as const)
    .filter((type) => texts[type] !== '')
    .map((type) => ({ type, text: texts[type] }))
}

/** The words with the space that follows each, so that they add up to the text. */
function wordsOf(text: string): readonly string[] {
  return text.match(/\S+\s*/g) ?? []
}

function countWords(transcript: Transcript): number {
  return transcript.reduce((sum, turn) => sum + wordsOf(textOf(turn)).length, 0)
}
