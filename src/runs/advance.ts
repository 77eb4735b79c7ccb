import type { Viewer } from '../auth/viewer.ts'
import { findProviderState } from '../chat/provider-threads.ts'
import type { ToolCall } from '../chat/tool-calls.ts'
import type { PrismaClient } from '../database/generated/client.ts'
import type { Log } from '../platform/log.ts'
import { ProviderError } from '../providers/provider-error.ts'
import type { Providers, ResolvedModel } from '../providers/registry.ts'
import type { Draft } from './draft.ts'
import { askWithFallback, fallbacksAfter } from './fallback.ts'
import { modelTurn, type TurnResult } from './model-turn.ts'
import { type ContextConfig, contextFor, readPrompt } from './prompt.ts'
import type { ModelSwitched, RunEvent, ToolCallFinished } from './run-event.ts'
import type { RunOptions } from './run-options.ts'

/** A run as it is stored: all that is needed to carry it on, on any instance. */
export interface StoredRun {
  readonly viewer: Viewer
  readonly threadId: string
  /** The answer that the run writes. */
  readonly messageId: string
  /** The model that answers, and the one that was asked for. */
  readonly modelId: string
  readonly requestedModelId: string
  readonly options: RunOptions
  /** As of when the run was taken. */
  readonly threadTitle: string | null
  readonly threadInstructions: string | null
  /** The model turn to take next, from 0. */
  readonly step: number
}

export interface AdvanceDependencies {
  readonly database: PrismaClient
  readonly providers: Providers
  readonly context: ContextConfig
  readonly maxSteps: number
  readonly log: Log
}

/** What was recorded of a run: whoever carries it forward records each batch of events before asking for the next. */
export interface Recording {
  readonly draft: Draft
  /** Stores what was recorded so far. Throws where another instance has taken the run. */
  save(): Promise<void>
  /** Makes another model the one that answers, and stores that. Throws likewise. */
  switchModel(event: ModelSwitched): Promise<void>
}

/**
 * Carries a run forward until it ends, and yields what happens: a model turn, then its tool calls, then the next turn on
 * what is stored by then. It returns where the run has ended by itself (the draft's `finishReason` says how), and throws
 * a `ProviderError`, or the signal's reason, where not.
 */
export async function* advance(
  run: StoredRun,
  recording: Recording,
  dependencies: AdvanceDependencies,
  signal: AbortSignal,
): AsyncGenerator<readonly RunEvent[], void> {
  const { providers, maxSteps } = dependencies
  const { draft } = recording
  const lastStep = Math.min(run.options.maxSteps ?? maxSteps, maxSteps)
  let model = await providers.resolve(run.modelId)

  for (let step = run.step; step < lastStep; step++) {
    signal.throwIfAborted()
    const { toolCalls, reason } = yield* askWithFallback<TurnResult>(
      {
        model,
        fallbacks: fallbacksAfter(model.modelId, { requestedModelId: run.requestedModelId, providers }),
        options: run.options,
        isUntouched: () => draft.isEmpty && !signal.aborted,
        onSwitch: (event) => recording.switchModel(event),
        ask: async function* (asked, options) {
          model = asked
          const request = await readRequest({ ...run, step, options }, asked, dependencies)
          return yield* modelTurn(asked, request, signal)
        },
      },
      dependencies,
    )
    if (toolCalls.length === 0 || reason === 'interrupted') return
    yield draft.openToolCalls.map(refuseUnknown)
    await recording.save()
  }
  throw new ProviderError('STEP_LIMIT', `The run took ${lastStep} model turns, and may take no more.`, {
    retryable: false,
  })
}

async function readRequest(
  run: StoredRun,
  model: ResolvedModel,
  { database, context }: Pick<AdvanceDependencies, 'database' | 'context'>,
) {
  const { viewer, threadId, options } = run
  const [transcript, providerState] = await Promise.all([
    readPrompt(viewer, database, run, contextFor(model, options, context)),
    findProviderState(viewer, database, { threadId, providerId: model.provider.id }),
  ])
  return { transcript, options, tools: [], providerState }
}

/** No tool is offered to a model yet, so that one that asks for a tool asks for something that isn't there. */
function refuseUnknown({ id, name }: ToolCall): ToolCallFinished {
  return {
    type: 'tool-call-finished',
    toolCallId: id,
    status: 'FAILED',
    output: `There is no tool named ${shortened(name)}.`,
  }
}

const maxShownName = 100

function shortened(name: string): string {
  return name.length <= maxShownName ? name : `${name.slice(0, maxShownName).toWellFormed()}…`
}
