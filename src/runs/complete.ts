import type { Transcript } from '../chat/transcript.ts'
import { type ErrorCode, RequestError } from '../platform/errors.ts'
import type { FinishReason, ReasoningDelta, TextDelta, ToolCallRequested } from '../providers/model-event.ts'
import { ProviderError, type RunErrorCode } from '../providers/provider-error.ts'
import type { Providers } from '../providers/registry.ts'
import { noUsage, type Usage } from '../providers/usage.ts'
import { modelTurn } from './model-turn.ts'
import type { RunOptions } from './run-options.ts'

/** One answer that is stored nowhere. */
export interface Completion {
  readonly modelId: string
  readonly text: string
  readonly reasoning: string | null
  readonly toolCalls: readonly ToolCallRequested[]
  readonly finishReason: FinishReason
  readonly usage: Usage
}

export type CompletionEvent =
  | TextDelta
  | ReasoningDelta
  | { readonly type: 'finished'; readonly completion: Completion }

export interface CompletionRequest {
  readonly transcript: Transcript
  readonly modelId: string | null
  readonly options: RunOptions
}

/** Asks a model and yields its answer as it comes, at last whole. Throws a `RequestError` where it fails. */
export async function* streamCompletion(
  { transcript, modelId, options }: CompletionRequest,
  { providers }: { readonly providers: Providers },
  signal: AbortSignal,
): AsyncGenerator<CompletionEvent, void> {
  const model = await providers.resolve(modelId)
  let text = ''
  let reasoning = ''
  let finishReason: FinishReason = 'other'
  let usage = noUsage
  const toolCalls: ToolCallRequested[] = []
  try {
    for await (const batch of modelTurn(model, { transcript, options }, signal))
      for (const event of batch)
        switch (event.type) {
          case 'text-delta':
            text += event.text
            yield event
            break
          case 'reasoning-delta':
            reasoning += event.text
            yield event
            break
          case 'tool-call-requested':
            toolCalls.push(event)
            break
          case 'turn-finished':
            finishReason = event.reason
            usage = event.usage ?? noUsage
        }
  } catch (error) {
    throw error instanceof ProviderError ? requestError(error) : error
  }
  const completion = { modelId: model.modelId, text, reasoning: reasoning || null, toolCalls, finishReason, usage }
  yield { type: 'finished', completion }
}

/** The whole answer at once. */
export async function complete(
  request: CompletionRequest,
  dependencies: { readonly providers: Providers },
  signal: AbortSignal,
): Promise<Completion> {
  for await (const event of streamCompletion(request, dependencies, signal))
    if (event.type === 'finished') return event.completion
  throw new Error('the completion ended without its last event')
}

const codes: Partial<Record<RunErrorCode, ErrorCode>> = {
  RATE_LIMITED: 'RATE_LIMITED',
  QUOTA_EXCEEDED: 'QUOTA_EXCEEDED',
  CONTEXT_OVERFLOW: 'TOO_LARGE',
}

/** Outside a run there is no `Run.error` to hold a provider's failure. */
function requestError(error: ProviderError): RequestError {
  return new RequestError(codes[error.code] ?? 'PROVIDER_UNAVAILABLE', error.message, { cause: error })
}
