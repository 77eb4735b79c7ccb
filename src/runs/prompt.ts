import type { Viewer } from '../auth/viewer.ts'
import { branchTranscript } from '../chat/branches.ts'
import type { Transcript, Turn } from '../chat/transcript.ts'
import type { PrismaClient } from '../database/generated/client.ts'
import { countTokens } from '../providers/tokens.ts'

export interface ContextConfig {
  /** Messages of the branch that the model is shown, the newest ones. */
  readonly maxMessages: number
  /** Tokens of the branch that the model is shown. */
  readonly maxTokens: number
  /** What every model is told first. */
  readonly instructions?: string | undefined
}

/** What the model is shown: the instructions, and the end of the branch that `leafId` ends. */
export async function readPrompt(
  viewer: Viewer,
  database: PrismaClient,
  { leafId, threadInstructions }: { leafId: string; threadInstructions: string | null },
  config: ContextConfig,
): Promise<Transcript> {
  const messages = await branchTranscript(viewer, database, leafId, config.maxMessages)
  const turns = messages.filter(({ text }) => text !== '').map(turnOf)
  const instructions = [config.instructions, threadInstructions].filter((text) => text).join('\n\n')
  const system: Turn[] = instructions ? [{ role: 'system', text: fillIn(instructions, viewer) }] : []
  return [...system, ...(await cutToTokens(turns, config.maxTokens))]
}

function turnOf({ role, text }: { role: 'USER' | 'ASSISTANT'; text: string }): Turn {
  return role === 'USER' ? { role: 'user', text } : { role: 'assistant', text, toolCalls: [] }
}

/** Fills `{{viewer.username}}`, `{{viewer.id}}`, `{{viewer.role}}` and `{{date}}` into instructions. */
export function fillIn(instructions: string, viewer: Viewer): string {
  const fields: Record<string, string> = {
    'viewer.id': viewer.id,
    'viewer.username': viewer.username ?? viewer.id,
    'viewer.role': viewer.role,
    date: new Date().toISOString().slice(0, 10),
  }
  return instructions.replace(/\{\{\s*([\w.]+)\s*\}\}/g, (placeholder, name: string) => fields[name] ?? placeholder)
}

/** The newest turns that fit; the last one always does. */
async function cutToTokens(turns: readonly Turn[], maxTokens: number): Promise<readonly Turn[]> {
  // A token is at least one byte: what is short enough by bytes needs no counting.
  const bytes = turns.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0)
  if (bytes <= maxTokens) return turns
  let first = turns.length
  for (let left = maxTokens; first > 0; first--) {
    left -= await countTokens(turns[first - 1]?.text ?? '')
    if (left < 0) break
  }
  return turns.slice(Math.min(first, turns.length - 1))
}
