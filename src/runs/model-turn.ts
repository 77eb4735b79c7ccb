import { sanitizeJsonObject } from '../platform/json.ts'
import { sanitizeText } from '../platform/text.ts'
import type { FinishReason, ModelEvent, ToolCallRequested } from '../providers/model-event.ts'
import type { ModelRequest } from '../providers/provider.ts'
import { ProviderError } from '../providers/provider-error.ts'
import type { ResolvedModel } from '../providers/registry.ts'
import { estimateUsage } from '../providers/tokens.ts'

/** What a model turn leaves to be done. */
export interface TurnResult {
  readonly toolCalls: readonly ToolCallRequested[]
  readonly reason: FinishReason
}

/**
 * One turn of a model. Its last event says what the turn used, also where it was cut short: where the provider has not
 * said so, it is counted here. A turn that failed before the model wrote anything cost nothing, and has no such event.
 */
export async function* modelTurn(
  { provider, name }: Pick<ResolvedModel, 'provider' | 'name'>,
  request: Omit<ModelRequest, 'model'>,
  signal: AbortSignal,
): AsyncGenerator<readonly ModelEvent[], TurnResult> {
  const { transcript } = request
  const written: string[] = []
  const toolCalls: ToolCallRequested[] = []
  let wrote = false
  let reason: FinishReason | null = null
  try {
    for await (const batch of provider.stream({ ...request, model: name }, signal)) {
      const events: ModelEvent[] = []
      for (const given of batch) {
        const event = storable(given)
        switch (event.type) {
          case 'text-delta':
          case 'reasoning-delta':
            written.push(event.text)
            wrote = true
            events.push(event)
            break
          case 'tool-call-requested':
            toolCalls.push(event)
            written.push(event.name, event.arguments)
            wrote = true
            events.push(event)
            break
          case 'part-finished':
            wrote = true
            events.push(event)
            break
          case 'provider-state-changed':
            events.push(event)
            break
          case 'turn-finished':
            reason = event.reason
            events.push(
              event.usage
                ? event
                : { ...event, usage: await estimateUsage(transcript, written.join(''), provider.kind) },
            )
            if (event.reason === 'content-filter') {
              yield events.splice(0)
              throw new ProviderError('CONTENT_FILTERED', 'The provider withheld the answer.', { retryable: false })
            }
        }
      }
      if (events.length > 0) yield events
    }
    if (reason === null) throw new ProviderError('PROVIDER_ERROR', 'The answer ended early.', { retryable: true })
    return { toolCalls, reason }
  } catch (error) {
    // A request that was stopped was read by the model.
    if (reason === null && (wrote || signal.aborted)) {
      const usage = await estimateUsage(transcript, written.join(''), provider.kind)
      yield [{ type: 'turn-finished', reason: 'other', rawReason: null, usage }]
    }
    throw error
  }
}

/** The event with what PostgreSQL cannot store replaced; lengths stay. */
function storable(event: ModelEvent): ModelEvent {
  switch (event.type) {
    case 'text-delta':
    case 'reasoning-delta': {
      const text = sanitizeText(event.text)
      return text === event.text ? event : { ...event, text }
    }
    case 'part-finished':
      return { ...event, providerData: sanitizeJsonObject(event.providerData) }
    case 'tool-call-requested':
      return {
        ...event,
        callId: sanitizeText(event.callId),
        name: sanitizeText(event.name),
        arguments: sanitizeText(event.arguments),
        providerData: event.providerData && sanitizeJsonObject(event.providerData),
      }
    case 'provider-state-changed':
      return { ...event, state: sanitizeJsonObject(event.state) }
    case 'turn-finished':
      return event
  }
}
