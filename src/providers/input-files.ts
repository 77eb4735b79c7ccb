import type { InputFile } from '../chat/transcript.ts'
import { sanitizeText } from '../platform/text.ts'
import { ProviderError } from './provider-error.ts'

/** What models read of files: pictures, PDFs, and text. */
export type FileForm = 'image' | 'pdf' | 'text'

const images: ReadonlySet<string> = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp'])
/** Text under types that do not say so. */
const texts: ReadonlySet<string> = new Set(['application/json', 'application/xml', 'application/yaml'])

/** Throws a `ProviderError` for a type that no model reads. */
export function formOf({ mediaType }: InputFile): FileForm {
  const type = typeOf(mediaType)
  if (images.has(type)) return 'image'
  if (type === 'application/pdf') return 'pdf'
  if (isText(type)) return 'text'
  throw new ProviderError('PROVIDER_ERROR', `This model cannot be given files of type ${mediaType}.`, {
    retryable: false,
  })
}

export function isTextFile({ mediaType }: InputFile): boolean {
  return isText(typeOf(mediaType))
}

export function isImageFile({ mediaType }: InputFile): boolean {
  return images.has(typeOf(mediaType))
}

function isText(type: string): boolean {
  return type.startsWith('text/') || texts.has(type)
}

function typeOf(mediaType: string): string {
  return mediaType.split(';', 1)[0]?.trim().toLowerCase() ?? ''
}

export function base64Of({ data }: InputFile): string {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64')
}

export function dataUrlOf(file: InputFile): string {
  return `data:${file.mediaType};base64,${base64Of(file)}`
}

/** A text file as a part of what a user says. */
export function fileTextOf({ filename, data }: InputFile): string {
  return `${filename}:\n${sanitizeText(new TextDecoder().decode(data))}`
}
