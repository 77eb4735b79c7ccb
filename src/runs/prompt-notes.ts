import type { AttachmentInfo } from '../attachments/attachment-rows.ts'
import type { InputFile } from '../chat/transcript.ts'

/** A file as its text. */
export function textFile({ filename }: Pick<AttachmentInfo, 'filename'>, text: string): InputFile {
  return { filename, mediaType: 'text/plain', data: Buffer.from(text) }
}

/** What a model is told in a file's place. */
export function noteOf(file: Pick<AttachmentInfo, 'filename'>, note: string): InputFile {
  return textFile(file, `[${note}]`)
}
