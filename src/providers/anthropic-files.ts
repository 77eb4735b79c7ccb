import type { Anthropic } from '@anthropic-ai/sdk'
import type { InputFile } from '../chat/transcript.ts'
import { assertNever } from '../platform/assert-never.ts'
import { base64Of, fileTextOf, formOf } from './input-files.ts'

type ImageType = Anthropic.Base64ImageSource['media_type']

/** A file as a block of a user's message. Throws a `ProviderError` for a type that no model reads. */
export function toFileBlock(file: InputFile): Anthropic.ContentBlockParam {
  const form = formOf(file)
  switch (form) {
    case 'image': {
      const media_type = file.mediaType.split(';', 1)[0]?.trim().toLowerCase() as ImageType
      return { type: 'image', source: { type: 'base64', media_type, data: base64Of(file) } }
    }
    case 'pdf':
      return {
        type: 'document',
        ...(file.filename.trim() === '' ? {} : { title: file.filename }),
        source: { type: 'base64', media_type: 'application/pdf', data: base64Of(file) },
      }
    case 'text':
      return { type: 'text', text: fileTextOf(file) }
    default:
      return assertNever(form)
  }
}
