import type { AttachmentInfo } from '../attachments/attachment-rows.ts'
import type { Quotas } from '../auth/quotas.ts'
import type { TokenEstimate } from '../auth/quotas-tokens.ts'
import type { Viewer } from '../auth/viewer.ts'
import { newestMessageId } from '../chat/branches.ts'
import type { Transcript } from '../chat/transcript.ts'
import { newUlid } from '../platform/ids.ts'
import type { Log } from '../platform/log.ts'
import type { ResolvedModel } from '../providers/registry.ts'
import { estimateUsage } from '../providers/tokens.ts'
import type { Usage } from '../providers/usage.ts'
import type { NewMessage } from './new-message.ts'
import { type ContextConfig, contextFor, filesRoom, type PromptSources, readPrompt } from './prompt.ts'
import { toInputFiles } from './prompt-files.ts'
import { closedEyesOf } from './prompt-images.ts'
import type { RunOptions } from './run-options.ts'
import { storePatiently } from './store-patiently.ts'

/** What those need who hold tokens for a request. */
export interface QuotaServices {
  readonly quotas: Quotas
  readonly log: Log
}

/**
 * What an answer may take: the prompt, and as much as the answer may at most be. Where nobody says how long that is, it
 * may begin as long as the prompt and one token fit.
 */
export async function estimateAnswer(
  transcript: Transcript,
  { maxOutputTokens }: Pick<RunOptions, 'maxOutputTokens'>,
  { answerTokens }: Pick<Quotas, 'answerTokens'>,
  { provider }: Pick<ResolvedModel, 'provider'>,
): Promise<TokenEstimate> {
  const { inputTokens } = await estimateUsage(transcript, '', provider.kind)
  return {
    least: inputTokens + (maxOutputTokens ?? 1),
    most: inputTokens + (maxOutputTokens ?? answerTokens),
  }
}

export interface PlannedRun {
  readonly message: Pick<NewMessage, 'threadId' | 'text' | 'parent'>
  /** Of the message. */
  readonly files: readonly AttachmentInfo[]
  readonly thread: { readonly title: string | null; readonly instructions: string | null } | null
  readonly model: ResolvedModel
  readonly options: RunOptions
}

/**
 * What the first turn of a run may take that is not stored yet. A message that comes to the thread meanwhile, or before
 * a run's turn in its line, is not in it. Null where the viewer has no quota.
 */
export async function estimateRun(
  viewer: Viewer,
  services: PromptSources & { readonly quotas: Quotas; readonly context: ContextConfig },
  { message: { threadId, text, parent }, files, thread, model, options }: PlannedRun,
  signal: AbortSignal,
): Promise<TokenEstimate | null> {
  const { database, quotas } = services
  if (!quotas.tokens.isLimited(viewer)) return null
  const newest = parent.kind === 'newest' && threadId !== null ? newestMessageId(viewer, database, threadId) : null
  const parentId = parent.kind === 'message' ? parent.id : await newest
  const place = { threadTitle: thread?.title ?? null, threadInstructions: thread?.instructions ?? null }
  // Nothing of the answer is there yet: all that there is is shown, which is nothing where nothing came before.
  const before = { ...place, messageId: parentId ?? '', step: Number.POSITIVE_INFINITY }
  const context = contextFor(model, options, services.context)
  const eyes = closedEyesOf(model)
  const transcript = await readPrompt(viewer, services, before, context, eyes, signal)
  if (text === null) return estimateAnswer(transcript, options, quotas, model)
  // Which passages are shown of a long text does not matter: there is room for as many.
  const own = { messageId: null, text: '', files, isQuestion: true }
  const room = { maxTokens: filesRoom(context), eyes, answerId: '' }
  const [shown = []] = await toInputFiles(viewer, services, [own], room, signal)
  return estimateAnswer([...transcript, { role: 'user', text, files: shown }], options, quotas, model)
}

/**
 * Holds tokens for a request that starts no run, and gives what counts its usage in their place, once it is over: that
 * logs what goes wrong, and never throws. Throws QUOTA_EXCEEDED.
 */
export async function holdTokens(
  viewer: Viewer,
  { quotas, log }: QuotaServices,
  estimate: () => Promise<TokenEstimate>,
): Promise<(usage: Usage) => Promise<void>> {
  if (!quotas.tokens.isLimited(viewer)) return async () => {}
  const id = `request_${newUlid()}`
  await quotas.tokens.reserve(viewer, { id, estimate: await estimate() })
  return async ({ inputTokens, outputTokens }) => {
    const tokens = inputTokens + outputTokens
    await storePatiently(() => quotas.tokens.settle(viewer, { id, tokens }), log).catch((err: unknown) => {
      log.error({ err, tokens }, 'what a request used of its quota could not be stored')
    })
  }
}
