import type { Viewer } from '../auth/viewer.ts'
import type { Transcript } from '../chat/transcript.ts'
import { type ErrorCode, RequestError } from '../platform/errors.ts'
import type { JsonSchemas } from '../platform/json-schema.ts'
import type { FinishReason, ReasoningDelta, TextDelta, ToolCallRequested } from '../providers/model-event.ts'
import { ProviderError, type RunErrorCode } from '../providers/provider-error.ts'
import type { Providers } from '../providers/registry.ts'
import { estimateUsage } from '../providers/tokens.ts'
import { noUsage, type Usage } from '../providers/usage.ts'
import { checkClientTools, type GivenClientTool } from '../tools/client-tools.ts'
import { askWithFallback } from './fallback.ts'
import { modelTurn } from './model-turn.ts'
import { estimateAnswer, holdTokens, type QuotaServices } from './quotas.ts'
import { checkedOptions, type GenerationDefaults, type GivenOptions, optionsFor } from './run-options.ts'

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
  readonly options: GivenOptions | null
  /** What the model may ask for; the server's own tools are not offered, so that any name is free. */
  readonly clientTools: readonly GivenClientTool[]
}

export interface CompletionDependencies extends QuotaServices {
  readonly providers: Providers
  readonly generation: GenerationDefaults
  readonly schemas: Pick<JsonSchemas, 'checkSchema'>
}

/**
 * Asks a model, and where that fails before its first word those that take over, and yields the answer as it comes, at
 * last whole. Throws a `RequestError` where it fails. What it has used of the viewer's quota is counted however it ends.
 */
export async function* streamCompletion(
  viewer: Viewer,
  { transcript, modelId, options: given, clientTools }: CompletionRequest,
  { providers, generation, schemas, quotas, log }: CompletionDependencies,
  signal: AbortSignal,
): AsyncGenerator<CompletionEvent, void> {
  const tools = await checkClientTools(clientTools, { schemas, isTaken: () => false }, signal)
  const checked = checkedOptions(
    given,
    generation,
    tools.map(({ name }) => name),
  )
  const model = await providers.resolve(modelId)
  const options = optionsFor(model, checked, given)
  const settle = await holdTokens(viewer, { quotas, log }, () => estimateAnswer(transcript, options, quotas, model))
  let answering = model.modelId
  let isUntouched = true
  let text = ''
  let reasoning = ''
  let finishReason: FinishReason = 'other'
  let usage: Usage | null = null
  const toolCalls: ToolCallRequested[] = []
  try {
    const turn = askWithFallback(
      {
        model,
        fallbacks: providers.fallbacksOf(model.modelId),
        options,
        isUntouched: () => isUntouched && !signal.aborted,
        onSwitch: async ({ toModelId }) => {
          answering = toModelId
        },
        ask: (asked, fitting) => modelTurn(asked, { transcript, options: fitting, tools, providerState: null }, signal),
      },
      { providers, log },
    )
    for await (const batch of turn)
      for (const event of batch) {
        if (event.type !== 'provider-state-changed') isUntouched = false
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
      }
  } catch (error) {
    throw error instanceof ProviderError ? requestError(error) : error
  } finally {
    // Whoever leaves in the middle has had what was read and written for them.
    await settle(
      usage ?? (isUntouched ? noUsage : await estimateUsage(transcript, reasoning + text, model.provider.kind)),
    )
  }
  const completion = {
    modelId: answering,
    text,
    reasoning: reasoning || null,
    toolCalls,
    finishReason,
    usage: usage ?? noUsage,
  }
  yield { type: 'finished', completion }
}

/** The whole answer at once. */
export async function complete(
  viewer: Viewer,
  request: CompletionRequest,
  dependencies: CompletionDependencies,
  signal: AbortSignal,
): Promise<Completion> {
  for await (const event of streamCompletion(viewer, request, dependencies, signal))
    if (event.type === 'finished') return event.completion
  throw new Error('the completion ended without its last event')
}

const codes: Partial<Record<RunErrorCode, ErrorCode>> = {
  RATE_LIMITED: 'RATE_LIMITED',
  QUOTA_EXCEEDED: 'QUOTA_EXCEEDED',
  CONTEXT_OVERFLOW: 'TOO_LARGE',
}

/** Outside a run there is no `Run.error` to hold a provider's failure. */
export function requestError(error: ProviderError): RequestError {
  return new RequestError(codes[error.code] ?? 'PROVIDER_UNAVAILABLE', error.message, { cause: error })
}
