import type { TurnFinished } from '../providers/model-event.ts'
import type { Providers } from '../providers/registry.ts'
import { estimateUsage } from '../providers/tokens.ts'
import type { Draft } from './draft.ts'
import type { LoadedRun } from './load-run.ts'
import { type ContextConfig, type PromptSources, readPrompt } from './prompt.ts'
import { closedEyesOf } from './prompt-images.ts'

/** What the turn of a run has used that a crash cut short, as far as it is known: the turns before it are counted. */
export async function lostTurn(
  { viewer, draft, ...run }: LoadedRun,
  {
    context,
    providers,
    ...sources
  }: PromptSources & { readonly context: ContextConfig; readonly providers: Providers },
  signal: AbortSignal,
): Promise<TurnFinished> {
  // A model that is gone by now is counted for as those are that nobody knows.
  const model = await providers.resolve(run.modelId).catch(() => null)
  const eyes = closedEyesOf(model ?? { modelId: run.modelId, provider: { kind: '' }, seesImages: null })
  const transcript = await readPrompt(viewer, sources, { ...run, step: draft.turns }, context, eyes, signal)
  const usage = await estimateUsage(transcript, writtenSince(draft, draft.turns), eyes.kind)
  return { type: 'turn-finished', reason: 'other', rawReason: null, usage }
}

function writtenSince({ parts, text, reasoning }: Draft, step: number): string {
  const lengthOf = (type: 'text' | 'reasoning') =>
    parts.reduce((sum, part) => sum + (part.type === type && part.step >= step ? part.length : 0), 0)
  return reasoning.slice(reasoning.length - lengthOf('reasoning')) + text.slice(text.length - lengthOf('text'))
}
