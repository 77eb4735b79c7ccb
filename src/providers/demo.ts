import { setImmediate, setTimeout } from 'node:timers/promises'
import type { Transcript } from '../chat/transcript.ts'
import { parseDirectives } from './demo-directives.ts'
import { writeAnswer, writeReasoning } from './demo-text.ts'
import type { ModelEvent } from './model-event.ts'
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
    const reasoning = directives.reason ? wordsOf(writeReasoning(message)) : []
    const answer = wordsOf(writeAnswer(message, directives))
    const all: readonly ModelEvent[] = [
      ...reasoning.map((text) => ({ type: 'reasoning-delta' as const, text })),
      ...answer.map((text) => ({ type: 'text-delta' as const, text })),
    ]
    const limit = Math.min(all.length, options.maxOutputTokens ?? all.length)
    const failsAt = directives.error === null ? Number.POSITIVE_INFINITY : Math.min(directives.error.afterWords, limit)

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
    if (directives.error && failsAt <= limit) {
      throw new ProviderError(directives.error.code, 'The demo model failed, as it was asked to.', { retryable: true })
    }
    yield [
      {
        type: 'turn-finished',
        reason: limit < all.length ? 'length' : 'stop',
        rawReason: null,
        usage: {
          inputTokens: countWords(transcript),
          outputTokens: limit,
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
    stream,
    async listModels(signal) {
      signal.throwIfAborted()
      return [{ name: demoModel, contextWindow: null }]
    },
  }
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
  return transcript.reduce((sum, { text }) => sum + wordsOf(text).length, 0)
}
