import type { Viewer } from '../auth/viewer.ts'
import type { PrismaClient } from '../database/generated/client.ts'
import { ProviderError } from '../providers/provider-error.ts'
import type { Providers } from '../providers/registry.ts'
import { modelTurn } from './model-turn.ts'
import { type ContextConfig, readPrompt } from './prompt.ts'
import type { RunEvent } from './run-event.ts'
import type { RunOptions } from './run-options.ts'

/** A run as it is stored: all that is needed to carry it on, on any instance. */
export interface StoredRun {
  readonly viewer: Viewer
  readonly modelId: string
  readonly options: RunOptions
  /** The message that is answered. */
  readonly leafId: string
  readonly threadInstructions: string | null
  /** The model turn to take next, from 0. */
  readonly step: number
}

export interface AdvanceDependencies {
  readonly database: PrismaClient
  readonly providers: Providers
  readonly context: ContextConfig
  readonly maxSteps: number
}

/**
 * Carries a run forward until it ends, and yields what happens. It returns where the run is completed, and throws a
 * `ProviderError`, or the signal's reason, where it is not.
 */
export async function* advance(
  run: StoredRun,
  { database, providers, context, maxSteps }: AdvanceDependencies,
  signal: AbortSignal,
): AsyncGenerator<readonly RunEvent[], void> {
  const model = await providers.resolve(run.modelId)
  const lastStep = Math.min(run.options.maxSteps ?? maxSteps, maxSteps)

  for (let step = run.step; step < lastStep; step++) {
    signal.throwIfAborted()
    const transcript = await readPrompt(run.viewer, database, run, context)
    const { toolCalls } = yield* modelTurn(model, { transcript, options: run.options }, signal)
    if (toolCalls.length === 0) return
    refuseToolCalls(toolCalls.map(({ name }) => name))
  }
  throw new ProviderError('STEP_LIMIT', `The run took ${lastStep} model turns, and may take no more.`, {
    retryable: false,
  })
}

/** No tool is offered to a model yet, so that one that asks for a tool asks for something that isn't there. */
function refuseToolCalls(names: readonly string[]): never {
  throw new ProviderError(
    'PROVIDER_ERROR',
    `The model asked for a tool that it was not offered: ${names.join(', ')}.`,
    {
      retryable: false,
    },
  )
}
