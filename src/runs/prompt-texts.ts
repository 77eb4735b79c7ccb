import type { AttachmentInfo } from '../attachments/attachment-rows.ts'
import type { Attachments } from '../attachments/attachments.ts'
import type { Viewer } from '../auth/viewer.ts'
import type { Excerpts } from './excerpts.ts'

/** Of files that are read together, in bytes: the texts of larger ones are read one by one. */
const maxBytes = 262_144

/** The message whose files are read. */
export interface TextsPlace {
  /** Null where it is not stored yet. */
  readonly messageId: string | null
  /** What it says. */
  readonly question: string
  /** The answer to it that is being written; null where it is an older one. */
  readonly answerId: string | null
  readonly maxTokens: number
}

/** What is shown of the files' texts, by id, and about how many tokens that has. */
export interface ShownTexts {
  readonly byId: ReadonlyMap<string, string>
  readonly tokens: number
}

/**
 * The texts of a message's files, of the longest of them excerpts, so that all fit. No more of them is held at a time than
 * is shown, and one text. Throws the signal's reason.
 */
export async function textsThatFit(
  viewer: Viewer,
  { attachments, excerpts }: { readonly attachments: Attachments; readonly excerpts: Excerpts },
  files: readonly AttachmentInfo[],
  { maxTokens, ...place }: TextsPlace,
  signal: AbortSignal,
): Promise<ShownTexts> {
  const read = files.filter(({ readingStatus }) => readingStatus === 'READ')
  const tokens = new Map<string, number>()
  const whole = new Map<string, string>()
  for (const ids of groupsOf(read)) {
    for (const [id, text] of await attachments.texts(viewer, ids)) {
      const counted = await excerpts.count(id, text)
      tokens.set(id, counted)
      if (counted <= maxTokens) whole.set(id, text)
    }
  }
  const byId = new Map<string, string>()
  const shortestFirst = [...tokens].toSorted(([, one], [, other]) => one - other)
  let left = Math.max(0, maxTokens)
  for (const [index, [attachmentId, counted]] of shortestFirst.entries()) {
    const share = Math.floor(left / (shortestFirst.length - index))
    const text = whole.get(attachmentId) ?? (await attachments.texts(viewer, [attachmentId])).get(attachmentId)
    if (text === undefined) continue
    const shown =
      counted <= share
        ? { text, tokens: counted }
        : await excerpts.of(
            viewer,
            { ...place, attachmentId, text, tokens: counted },
            { answerId: place.answerId, maxTokens: share },
            signal,
          )
    byId.set(attachmentId, shown.text)
    left -= Math.min(shown.tokens, share)
  }
  return { byId, tokens: Math.max(0, maxTokens) - left }
}

/** The small ones together, since each question to the database takes its time. */
function groupsOf(files: readonly AttachmentInfo[]): readonly (readonly string[])[] {
  const small = files.filter(({ byteSize }) => byteSize <= maxBytes / files.length)
  const large = files.filter((file) => !small.includes(file))
  const groups = [small, ...large.map((file) => [file])]
  return groups.filter((group) => group.length > 0).map((group) => group.map(({ id }) => id))
}
