import type { Transcript } from '../chat/transcript.ts'
import { sanitizeText } from '../platform/text.ts'
import type { ModelEvent, ToolCallRequested } from '../providers/model-event.ts'
import type { GenerationOptions } from '../providers/provider.ts'
import { ProviderError } from '../providers/provider-error.ts'
import type { ResolvedModel } from '../providers/registry.ts'
import { estimateUsage } from '../providers/tokens.ts'
import { noUsage } from '../providers/usage.ts'

/** What a model turn leaves to be done. */
export interface TurnResult {
  readonly toolCalls: readonly ToolCallRequested[]
}

/**
 * One turn of a model. Its last event says what the turn used, also where it was cut short: where the provider has not
 * said so, it is counted here.
 */
export async function* modelTurn(
  { provider, name }: Pick<ResolvedModel, 'provider' | 'name'>,
  { transcript, options }: { transcript: Transcript; options: GenerationOptions },
  signal: AbortSignal,
): AsyncGenerator<readonly ModelEvent[], TurnResult> {
  const written: string[] = []
  const toolCalls: ToolCallRequested[] = []
  let finished = false
  try {
    for await (const batch of provider.stream({ model: name, transcript, options }, signal)) {
      const events: ModelEvent[] = []
      for (const event of batch) {
        switch (event.type) {
          case 'text-delta':
          case 'reasoning-delta': {
            const text = sanitizeText(event.text)
            written.push(text)
            events.push(text === event.text ? event : { ...event, text })
            break
          }
          case 'tool-call-requested':
            toolCalls.push(event)
            events.push(event)
            break
          case 'turn-finished':
            finished = true
            events.push(event.usage ? event : { ...event, usage: await estimateUsage(transcript, written.join('')) })
            if (event.reason === 'content-filter') {
              yield events.splice(0)
              throw new ProviderError('CONTENT_FILTERED', 'The provider withheld the answer.', { retryable: false })
            }
        }
      }
      if (events.length > 0) yield events
    }
    if (!finished) throw new ProviderError('PROVIDER_ERROR', 'The answer ended early.', { retryable: true })
    return { toolCalls }
  } catch (error) {
    if (!finished) {
      // A request that failed at once cost nothing; one that was stopped was read by the model.
      const cost = written.length > 0 || signal.aborted
      const usage = cost ? await estimateUsage(transcript, written.join('')) : { ...noUsage, estimated: true }
      yield [{ type: 'turn-finished', reason: 'other', rawReason: null, usage }]
    }
    throw error
  }
}
