import type { Viewer } from '../auth/viewer.ts'
import { branchTranscript, type SaidMessage } from '../chat/branches.ts'
import type { InputFile, Transcript, Turn } from '../chat/transcript.ts'
import type { PrismaClient } from '../database/generated/client.ts'
import type { GenerationOptions } from '../providers/provider.ts'
import type { ResolvedModel } from '../providers/registry.ts'
import { countTokens, imageTokensOf, promptOf } from '../providers/tokens.ts'
import { fillIn } from './fill-in.ts'
import { type FileSources, type FilesRoom, toInputFiles } from './prompt-files.ts'
import type { ModelEyes } from './prompt-images.ts'
import { turnsOf } from './turns.ts'

export interface ContextConfig {
  /** Messages of the branch that the model is shown, the newest ones. */
  readonly maxMessages: number
  /** Tokens that the model is shown, instructions included. */
  readonly maxTokens: number
  /** What every model is told first. */
  readonly instructions?: string | undefined
}

export interface PromptPlace {
  /** The answer that is being written. */
  readonly messageId: string
  /** The model turn that is to be taken: of the answer, the steps before it are shown. */
  readonly step: number
  readonly threadTitle: string | null
  readonly threadInstructions: string | null
}

/** What of the context files may take. */
const filesShare = 0.75

/** Room for the answer where nobody says how long it may be, in tokens; in a small window, a quarter of that. */
const answerTokens = 4_096

/** The context as far as the model has room for it beside its answer. */
export function contextFor(
  { contextWindow }: Pick<ResolvedModel, 'contextWindow'>,
  { maxOutputTokens }: Pick<GenerationOptions, 'maxOutputTokens'>,
  context: ContextConfig,
): ContextConfig {
  if (contextWindow === null) return context
  const room = maxOutputTokens ?? Math.min(answerTokens, Math.floor(contextWindow / 4))
  return { ...context, maxTokens: Math.min(context.maxTokens, Math.max(0, contextWindow - room)) }
}

/** Tokens that files may take of it. */
export function filesRoom({ maxTokens }: Pick<ContextConfig, 'maxTokens'>): number {
  return Math.floor(maxTokens * filesShare)
}

/** Where it is read from. */
export interface PromptSources extends FileSources {
  readonly database: PrismaClient
}

/**
 * What the model is shown: the instructions, the end of the branch that the answer continues, and what the answer holds
 * so far. It is cut by whole messages; the newest message of the user, and what follows it, always stays. Throws as
 * `toInputFiles` does.
 */
export async function readPrompt(
  viewer: Viewer,
  sources: PromptSources,
  { messageId, step, threadTitle, threadInstructions }: PromptPlace,
  config: ContextConfig,
  eyes: ModelEyes,
  signal: AbortSignal,
): Promise<Transcript> {
  // The answer is no message of those that count.
  const branch = await branchTranscript(viewer, sources.database, messageId, config.maxMessages + 1)
  const instructions = [config.instructions, threadInstructions].filter((text) => text).join('\n\n')
  const system: Turn[] = instructions ? [{ role: 'system', text: fillIn(instructions, { viewer, threadTitle }) }] : []
  const question = Math.max(
    0,
    branch.findLastIndex(({ role }) => role === 'USER'),
  )
  const room = { maxTokens: filesRoom(config), eyes, answerId: messageId }
  const files = await filesOf(viewer, sources, branch, question, room, signal)
  const messages = branch.map((message) =>
    withFiles(turnsOf(message, message.id === messageId ? step : undefined), files.get(message.id)),
  )
  const first = await firstThatFits(system, messages, { maxTokens: config.maxTokens, question, kind: eyes.kind })
  return [...system, ...messages.slice(first).flat()]
}

/** The files of the messages, by message, as the model is given them: looked up for their owner anew. */
async function filesOf(
  viewer: Viewer,
  sources: FileSources,
  branch: readonly SaidMessage[],
  question: number,
  room: FilesRoom,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, readonly InputFile[]>> {
  const found = await sources.attachments.ofMessages(
    viewer,
    branch.map(({ id }) => id),
  )
  const newestFirst = branch.toReversed().filter(({ id }) => found.has(id))
  const shown = await toInputFiles(
    viewer,
    sources,
    newestFirst.map(({ id, text }) => ({
      messageId: id,
      text,
      files: found.get(id) ?? [],
      isQuestion: id === branch[question]?.id,
    })),
    room,
    signal,
  )
  return new Map(newestFirst.map(({ id }, index) => [id, shown[index] ?? []]))
}

function withFiles(turns: readonly Turn[], files: readonly InputFile[] = []): readonly Turn[] {
  return files.length === 0 ? turns : turns.map((turn) => (turn.role === 'user' ? { ...turn, files } : turn))
}

/** The index of the first message such that it and all after it fit; that of the question at most. */
async function firstThatFits(
  system: readonly Turn[],
  messages: readonly (readonly Turn[])[],
  { maxTokens, question, kind }: { maxTokens: number; question: number; kind: string },
): Promise<number> {
  const texts = messages.map((turns) => turns.map(promptOf))
  const told = system.map(promptOf)
  const seen = messages.map((turns) => turns.reduce((sum, turn) => sum + imageTokensOf(turn, kind), 0))
  // A token is at least one byte: what is short enough by bytes needs no counting.
  const bytes = [told, ...texts].flat().reduce((sum, text) => sum + Buffer.byteLength(text), 0)
  if (bytes + sumOf(seen) <= maxTokens) return 0
  let left = maxTokens - (await countAll(told)) - (await countAll(texts.slice(question).flat()))
  left -= sumOf(seen.slice(question))
  for (let first = question; first > 0; first--) {
    left -= (await countAll(texts[first - 1] ?? [])) + (seen[first - 1] ?? 0)
    if (left < 0) return first
  }
  return 0
}

async function countAll(texts: readonly string[]): Promise<number> {
  let count = 0
  for (const text of texts) count += await countTokens(text)
  return count
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0)
}
