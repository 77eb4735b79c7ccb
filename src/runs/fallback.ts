import { messageOf, RequestError } from '../platform/errors.ts'
import type { Log } from '../platform/log.ts'
import type { ModelEvent } from '../providers/model-event.ts'
import { ProviderError } from '../providers/provider-error.ts'
import type { Providers, ResolvedModel } from '../providers/registry.ts'
import type { ModelSwitched } from './run-event.ts'
import { fittingOptions, type RunOptions } from './run-options.ts'

export interface Attempts<Result> {
  /** The model to ask first. */
  readonly model: ResolvedModel
  /** The ids of those that take over, in order. */
  readonly fallbacks: readonly string[]
  readonly options: RunOptions
  /** Whether nothing was written yet: after that, no other model can take over. */
  readonly isUntouched: () => boolean
  /** Another model is about to take over. */
  readonly onSwitch: (event: ModelSwitched) => Promise<void>
  /** Asks a model; what it cannot do of the options is left to it. */
  readonly ask: (model: ResolvedModel, options: RunOptions) => AsyncGenerator<readonly ModelEvent[], Result>
}

/**
 * Asks a model and, where that fails before anything was written, those that take over, one after the other. Content
 * that one provider withheld is taken to no other. A model that does not exist is passed over. Where all fail, the first
 * model's error is thrown, since that is the model that was asked for.
 */
export async function* askWithFallback<Result>(
  { model: first, fallbacks, options, isUntouched, onSwitch, ask }: Attempts<Result>,
  { providers, log }: { readonly providers: Providers; readonly log: Log },
): AsyncGenerator<readonly ModelEvent[], Result> {
  const waiting = [...fallbacks]
  let model = first
  let firstError: ProviderError | undefined
  for (let own = options; ; own = fittingOptions(model, options)) {
    try {
      return yield* ask(model, own)
    } catch (error) {
      if (!(error instanceof ProviderError) || error.code === 'CONTENT_FILTERED' || !isUntouched()) throw error
      firstError ??= error
      const next = await nextModel(waiting, providers, log)
      if (!next) throw firstError
      const { code, message: reason } = error
      log.warn({ code, fromModelId: model.modelId, toModelId: next.modelId }, `another model takes over: ${reason}`)
      await onSwitch({ type: 'model-switched', fromModelId: model.modelId, toModelId: next.modelId, reason })
      model = next
    }
  }
}

/** The models that are left to take over from `modelId`, where `requestedModelId` was asked for. */
export function fallbacksAfter(
  modelId: string,
  { requestedModelId, providers }: { requestedModelId: string; providers: Pick<Providers, 'fallbacksOf'> },
): readonly string[] {
  const line = [requestedModelId, ...providers.fallbacksOf(requestedModelId)]
  return line.slice(line.indexOf(modelId) + 1).filter((id) => id !== requestedModelId)
}

/** Takes the first that exists from those that wait; undefined where none does. */
async function nextModel(waiting: string[], providers: Providers, log: Log): Promise<ResolvedModel | undefined> {
  for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
    try {
      return await providers.resolve(id)
    } catch (error) {
      if (!(error instanceof RequestError)) throw error
      log.warn({ modelId: id }, `a model that was to take over is passed over: ${messageOf(error)}`)
    }
  }
  return undefined
}
