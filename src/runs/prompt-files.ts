import type { AttachmentInfo } from '../attachments/attachment-rows.ts'
import type { Attachments } from '../attachments/attachments.ts'
import { isPicture } from '../attachments/images.ts'
import type { Viewer } from '../auth/viewer.ts'
import type { InputFile } from '../chat/transcript.ts'
import { imageTokens } from '../providers/image-tokens.ts'
import { isImageFile } from '../providers/input-files.ts'
import type { Excerpts } from './excerpts.ts'
import type { ModelEyes } from './prompt-images.ts'
import { noteOf, textFile } from './prompt-notes.ts'
import { textsThatFit } from './prompt-texts.ts'

/** Images of a request; those of the newest messages are shown. */
const maxImages = 20

/** A message, and the files of it that a model is shown. */
export interface FilesOfMessage {
  /** Null where it is not stored yet. */
  readonly messageId: string | null
  /** What it says: of texts that are too long, passages are chosen by it. */
  readonly text: string
  readonly files: readonly AttachmentInfo[]
  /** Whether it is what the model is to answer: what it cannot be given of that is no answer, and not a note. */
  readonly isQuestion: boolean
}

export interface FilesRoom {
  /** For texts and images together. */
  readonly maxTokens: number
  readonly eyes: ModelEyes
  /** The answer that is being written. */
  readonly answerId: string
}

/** Where files are read. */
export interface FileSources {
  readonly attachments: Attachments
  readonly excerpts: Excerpts
}

/**
 * The files of messages, the newest first, as a model is given them: images as the model can take them, and texts as far
 * as there is room for them beside, those of the newest message first. What cannot be shown of older messages is told by a
 * note. Throws a `ProviderError` for what cannot be shown of the question, and the signal's reason.
 */
export async function toInputFiles(
  viewer: Viewer,
  sources: FileSources,
  messages: readonly FilesOfMessage[],
  { maxTokens, eyes, answerId }: FilesRoom,
  signal: AbortSignal,
): Promise<readonly (readonly InputFile[])[]> {
  const images = await imagesOf(messages, eyes)
  let left = maxTokens
  for (const image of images.values()) if (isImageFile(image)) left -= imageTokens(eyes.kind, image.size)
  const shown: (readonly InputFile[])[] = []
  for (const { messageId, text: question, files, isQuestion } of messages) {
    const place = { messageId, question, answerId: isQuestion ? answerId : null, maxTokens: left }
    const texts = await textsThatFit(viewer, sources, files, place, signal)
    left -= texts.tokens
    shown.push(files.map((file) => images.get(file) ?? documentOf(file, texts.byId)))
  }
  return shown
}

/** By file. */
async function imagesOf(
  messages: readonly FilesOfMessage[],
  eyes: ModelEyes,
): Promise<ReadonlyMap<AttachmentInfo, InputFile>> {
  const pictures = messages.flatMap(({ files, isQuestion }) =>
    files.filter(({ mediaType }) => isPicture(mediaType)).map((file) => ({ file, isQuestion })),
  )
  const count = Math.min(pictures.length, maxImages)
  const images = new Map<AttachmentInfo, InputFile>()
  for (const [index, { file, isQuestion }] of pictures.entries())
    images.set(
      file,
      index < count ? await eyes.show(file, { count, isQuestion }) : noteOf(file, 'The image is no longer shown.'),
    )
  return images
}

function documentOf(file: AttachmentInfo, texts: ReadonlyMap<string, string>): InputFile {
  const text = texts.get(file.id)
  return text === undefined ? noteOf(file, `The file cannot be read. ${file.readingError ?? ''}`) : textFile(file, text)
}
