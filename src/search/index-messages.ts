import type { PrismaClient } from '../database/generated/client.ts'
import type { Log } from '../platform/log.ts'
import { createPauses } from '../platform/pauses.ts'
import { giveBackMarks, type Mark, takeMarks } from './marks.ts'
import { cutPassages, maxTextLength } from './passages.ts'
import { type NewPassage, type Part, storeParts } from './store-passages.ts'
import { searchable } from './words.ts'

/** Passages in one transaction: others wait for it where there is one session for all. */
const maxStored = 40
/** Until what somebody has locked is tried again, in seconds. */
const lockedSeconds = 1

export interface IndexServices {
  readonly database: PrismaClient
  readonly log: Log
}

/**
 * Makes the passages of at most `limit` marks, in short transactions, and returns how many marks it has taken; none: there
 * is nothing to do, or somebody else is at it. What fails is logged, and tried again later.
 */
export async function indexMarks(services: IndexServices, limit: number, signal: AbortSignal): Promise<number> {
  const marks = await takeMarks(services.database, limit)
  const messages = marks.filter(({ attachmentId }) => attachmentId === '')
  const files = marks.filter(({ attachmentId }) => attachmentId !== '')
  if (messages.length > 0) await indexTogether(services, messages, signal)
  for (const file of files) await indexAlone(services, file, signal)
  return marks.length
}

/** One of them that cannot be indexed does not keep the others from it. */
async function indexTogether(services: IndexServices, marks: readonly Mark[], signal: AbortSignal): Promise<void> {
  try {
    await store(services, marks, signal)
  } catch {
    for (const mark of marks) await indexAlone(services, mark, signal)
  }
}

async function indexAlone(services: IndexServices, mark: Mark, signal: AbortSignal): Promise<void> {
  const { messageId, attachmentId } = mark
  try {
    await store(services, [mark], signal)
  } catch (err) {
    services.log.warn({ err, messageId, attachmentId }, 'a text could not be indexed; trying again later')
  }
}

/** Stores what some messages say, or one file does, a few passages at a time. */
async function store({ database }: IndexServices, marks: readonly Mark[], signal: AbortSignal): Promise<void> {
  const left = new Set(marks)
  const locked = new Set<Mark>()
  for await (const parts of inPacks(partsOf(marks, await readTexts(database, marks), left))) {
    if (signal.aborted) break
    const stored = new Set(await storeParts(database, parts))
    for (const part of parts) {
      if (!stored.has(part)) locked.add(part.mark)
      if (!stored.has(part) || part.isLast) left.delete(part.mark)
    }
  }
  await giveBackMarks(database, [...locked], lockedSeconds)
  await giveBackMarks(database, [...left], 0)
}

/** What is indexed of each message or, where they are of files, of the one: parts of its text, in order. */
async function readTexts(database: PrismaClient, [first, ...more]: readonly Mark[]): Promise<Map<string, string[]>> {
  if (first?.attachmentId) return readFile(database, first)
  const ids = [first, ...more].flatMap((mark) => mark?.messageId ?? [])
  const messages = await database.$queryRaw<{ id: string; text: string }[]>`
    SELECT id, left(text, ${maxTextLength}) AS text FROM "Message" WHERE id = ANY(${ids}::text[])`
  return new Map(messages.map(({ id, text }) => [id, [text]]))
}

/** Its name is found too. */
async function readFile(database: PrismaClient, { messageId, attachmentId }: Mark): Promise<Map<string, string[]>> {
  const [file] = await database.$queryRaw<{ filename: string; text: string | null }[]>`
    SELECT a.filename, left(a."extractedText", ${maxTextLength}) AS text
    FROM "MessageAttachment" u JOIN "Attachment" a ON a.id = u."attachmentId"
    WHERE u."messageId" = ${messageId} AND u."attachmentId" = ${attachmentId}`
  return new Map([[messageId, file ? [file.filename, file.text ?? ''] : []]])
}

/** Cuts texts into parts of at most `maxStored` passages, each with a last one. A mark that is not in `left` is given up. */
async function* partsOf(
  marks: readonly Mark[],
  texts: ReadonlyMap<string, readonly string[]>,
  left: ReadonlySet<Mark>,
): AsyncGenerator<Part> {
  for (const mark of marks) {
    let from = mark.stored
    let passages: NewPassage[] = []
    for await (const passage of passagesOf(texts.get(mark.messageId) ?? [], mark.stored)) {
      if (passages.length === maxStored) {
        yield { mark, from, passages, isLast: false }
        if (!left.has(mark)) break
        from += passages.length
        passages = []
      }
      passages.push(passage)
    }
    if (left.has(mark)) yield { mark, from, passages, isLast: true }
  }
}

/** From the one at the place `start` on. */
async function* passagesOf(texts: readonly string[], start: number): AsyncGenerator<NewPassage> {
  const pause = createPauses()
  let position = 0
  for (const text of texts) {
    for await (const passage of cutPassages(text)) {
      if (position >= start) yield { text: passage, words: searchable(passage) }
      position += 1
      await pause()
    }
  }
}

/** As many parts together as have at most `maxStored` passages. */
async function* inPacks(parts: AsyncIterable<Part>): AsyncGenerator<readonly Part[]> {
  let pack: Part[] = []
  let size = 0
  for await (const part of parts) {
    if (size + part.passages.length > maxStored) {
      yield pack
      pack = []
      size = 0
    }
    pack.push(part)
    size += part.passages.length
  }
  if (pack.length > 0) yield pack
}
