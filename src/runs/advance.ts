import type { Attachments } from '../attachments/attachments.ts'
import type { Viewer } from '../auth/viewer.ts'
import { findProviderState } from '../chat/provider-threads.ts'
import { ProviderError } from '../providers/provider-error.ts'
import type { Providers, ResolvedModel } from '../providers/registry.ts'
import type { ClientTool } from '../tools/client-tools.ts'
import type { ToolDefinition } from '../tools/tool.ts'
import type { Draft } from './draft.ts'
import type { Excerpts } from './excerpts.ts'
import { askWithFallback, fallbacksAfter } from './fallback.ts'
import { modelTurn, type TurnResult } from './model-turn.ts'
import { offerTools } from './offered-tools.ts'
import { type ContextConfig, contextFor, readPrompt } from './prompt.ts'
import { eyesOf } from './prompt-images.ts'
import type { ModelSwitched, RunEvent } from './run-event.ts'
import type { RunOptions } from './run-options.ts'
import type { Lease } from './run-rows.ts'
import { runToolStep, type ToolStepDependencies } from './tool-step.ts'

/** A run as it is stored: all that is needed to carry it on, on any instance. */
export interface StoredRun {
  readonly viewer: Viewer
  readonly runId: string
  readonly threadId: string
  /** The answer that the run writes. */
  readonly messageId: string
  /** The model that answers, and the one that was asked for. */
  readonly modelId: string
  readonly requestedModelId: string
  readonly options: RunOptions
  /** The tools that the client runs itself. */
  readonly clientTools: readonly ClientTool[]
  /** As of when the run was taken. */
  readonly threadTitle: string | null
  readonly threadInstructions: string | null
}

export interface AdvanceDependencies extends ToolStepDependencies {
  readonly providers: Providers
  readonly attachments: Attachments
  readonly excerpts: Excerpts
  readonly context: ContextConfig
  readonly maxSteps: number
}

/** What was recorded of a run: whoever carries it forward records each batch of events before asking for the next. */
export interface Recording {
  readonly draft: Draft
  /** Under which the run is written. */
  readonly lease: Lease
  /** Records what happens beside the batches, while several calls run. */
  record(event: RunEvent): void
  /** Stores what was recorded so far, at a turn's end. Throws where another instance has taken the run. */
  save(): Promise<void>
  /** Makes another model the one that answers, and stores that. Throws likewise. */
  switchModel(event: ModelSwitched): Promise<void>
}

/** `waiting`: calls are left that a person or the client is needed for; whoever has seen to that carries the run on. */
export type Advanced = 'ended' | 'waiting'

/**
 * Carries a run forward until it ends or waits, and yields what happens: a model turn, then its tool calls, then the next
 * turn on what is stored by then. It goes on where the stored turns end. It returns where the run has ended by itself (the
 * draft's `finishReason` says how) or waits, and throws a `ProviderError`, a `LeaseLostError`, or the signal's reason, where
 * not.
 */
export async function* advance(
  run: StoredRun,
  recording: Recording,
  dependencies: AdvanceDependencies,
  signal: AbortSignal,
): AsyncGenerator<readonly RunEvent[], Advanced> {
  const { providers, maxSteps } = dependencies
  const { draft } = recording
  const lastStep = Math.min(run.options.maxSteps ?? maxSteps, maxSteps)
  let model = await providers.resolve(run.modelId)
  let offered = await offerTools(run, dependencies, signal)
  const callTools = (step: number) => runToolStep(run, step, { offered, recording }, dependencies, signal)

  if (draft.turns > 0 && (await callTools(draft.turns - 1)) === 'waiting') return 'waiting'
  for (let step = draft.turns; step < lastStep; step++) {
    signal.throwIfAborted()
    if (step > 0) offered = await offerTools(run, dependencies, signal)
    const { toolCalls, reason } = yield* askWithFallback<TurnResult>(
      {
        model,
        fallbacks: fallbacksAfter(model.modelId, { requestedModelId: run.requestedModelId, providers }),
        options: { ...run.options, toolChoice: toolChoiceFor(run.options, step, offered.definitions) },
        isUntouched: () => draft.isEmpty && !signal.aborted,
        onSwitch: (event) => recording.switchModel(event),
        ask: async function* (asked, options) {
          model = asked
          const request = await readRequest({ ...run, step, options }, asked, dependencies, signal)
          return yield* modelTurn(asked, { ...request, tools: offered.definitions }, signal)
        },
      },
      dependencies,
    )
    if (toolCalls.length === 0 || reason === 'interrupted') return 'ended'
    await recording.save()
    yield draft.toolCalls
      .filter((call) => call.step === step)
      .map(({ id }) => ({ type: 'tool-call-changed', messageId: run.messageId, toolCallId: id }))
    if ((await callTools(step)) === 'waiting') return 'waiting'
  }
  throw new ProviderError('STEP_LIMIT', `The run took ${lastStep} model turns, and may take no more.`, {
    retryable: false,
  })
}

/** A choice of a tool is for the run's first turn: held up in later ones, the model could never answer. */
function toolChoiceFor(
  { toolChoice }: RunOptions,
  step: number,
  definitions: readonly ToolDefinition[],
): string | null {
  if (toolChoice === null || toolChoice === 'none' || toolChoice === 'auto') return toolChoice
  const canBeMade =
    toolChoice === 'required' ? definitions.length > 0 : definitions.some(({ name }) => name === toolChoice)
  return step === 0 && canBeMade ? toolChoice : null
}

async function readRequest(
  { step, ...run }: StoredRun & { readonly step: number },
  model: ResolvedModel,
  {
    database,
    attachments,
    excerpts,
    context,
  }: Pick<AdvanceDependencies, 'database' | 'attachments' | 'excerpts' | 'context'>,
  signal: AbortSignal,
) {
  const { viewer, threadId, options } = run
  const [transcript, providerState] = await Promise.all([
    readPrompt(
      viewer,
      { database, attachments, excerpts },
      { ...run, step },
      contextFor(model, options, context),
      eyesOf(model, attachments, signal),
      signal,
    ),
    findProviderState(viewer, database, { threadId, providerId: model.provider.id }),
  ])
  return { transcript, options, providerState }
}
