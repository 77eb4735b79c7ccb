import type { AttachmentInfo } from '../attachments/attachment-rows.ts'
import type { Attachments } from '../attachments/attachments.ts'
import { isPicture } from '../attachments/images.ts'
import type { Owner } from '../chat/threads.ts'
import type { InputFile } from '../chat/transcript.ts'
import { countTokens } from '../providers/tokens.ts'
import type { ModelEyes } from './prompt-images.ts'

/** Images of a request; those of the newest messages are shown. */
const maxImages = 20

/** The files of a message that a model is shown. */
export interface FilesOfMessage {
  readonly files: readonly AttachmentInfo[]
  /** Whether it is what the model is to answer: what it cannot be given of that is no answer, and not a note. */
  readonly isQuestion: boolean
}

/**
 * The files of messages, the newest first, as a model is given them: texts as far as there is room for them, those of the
 * newest message first, and images as the model can take them. What cannot be shown of older messages is told by a note.
 * With no eyes, images are left out. Throws a `ProviderError` for what cannot be shown of the question, and the signal's
 * reason.
 */
export async function toInputFiles(
  owner: Owner,
  attachments: Attachments,
  messages: readonly FilesOfMessage[],
  { maxTokens, eyes }: { readonly maxTokens: number; readonly eyes: ModelEyes | null },
): Promise<readonly (readonly InputFile[])[]> {
  const pictures = messages.flatMap(({ files }) => files.filter(({ mediaType }) => isPicture(mediaType)))
  const seen = new Set(pictures.slice(0, maxImages))
  const shown: (readonly InputFile[])[] = []
  let left = maxTokens
  for (const { files, isQuestion } of messages) {
    const texts = await textsThatFit(await attachments.texts(owner, readIds(files)), left)
    left -= texts.tokens
    const own: InputFile[] = []
    for (const file of files) {
      const text = texts.byId.get(file.id)
      if (text !== undefined) own.push(textFile(file, text))
      else if (!isPicture(file.mediaType)) own.push(noteOf(file, `The file cannot be read. ${file.readingError ?? ''}`))
      else if (!seen.has(file)) own.push(noteOf(file, 'The image is no longer shown.'))
      else if (eyes) own.push(await eyes.show(file, { count: seen.size, isQuestion }))
    }
    shown.push(own)
  }
  return shown
}

function textFile({ filename }: Pick<AttachmentInfo, 'filename'>, text: string): InputFile {
  return { filename, mediaType: 'text/plain', data: Buffer.from(text) }
}

/** What a model is told in a file's place. */
export function noteOf(file: Pick<AttachmentInfo, 'filename'>, note: string): InputFile {
  return textFile(file, `[${note}]`)
}

function readIds(files: readonly AttachmentInfo[]): readonly string[] {
  return files.filter(({ readingStatus }) => readingStatus === 'READ').map(({ id }) => id)
}

/** The texts, the longest of them cut so that all fit, and about how many tokens they have then. */
async function textsThatFit(
  texts: ReadonlyMap<string, string>,
  maxTokens: number,
): Promise<{ readonly byId: ReadonlyMap<string, string>; readonly tokens: number }> {
  const counted: { readonly id: string; readonly text: string; readonly tokens: number }[] = []
  for (const [id, text] of texts) counted.push({ id, text, tokens: await countTokens(text) })
  let left = Math.max(0, maxTokens)
  const fitting = counted
    .toSorted((one, other) => one.tokens - other.tokens)
    .map(({ id, text, tokens }, index): [string, string] => {
      const share = Math.floor(left / (counted.length - index))
      left -= Math.min(tokens, share)
      return [id, tokens <= share ? text : beginningOf(text, share / tokens)]
    })
  return { byId: new Map(fitting), tokens: Math.max(0, maxTokens) - left }
}

/** So much of a text, with a note that says so. */
function beginningOf(text: string, part: number): string {
  const length = Math.floor(text.length * part)
  const note = `[There is room for the first ${length} of the file's ${text.length} characters alone.]`
  return `${text.slice(0, length).toWellFormed()}\n\n${note}`
}
