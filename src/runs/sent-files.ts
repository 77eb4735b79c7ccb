import type { AttachmentInfo } from '../attachments/attachment-rows.ts'
import type { Attachments } from '../attachments/attachments.ts'
import { isPicture } from '../attachments/images.ts'
import type { Viewer } from '../auth/viewer.ts'
import { assertNever } from '../platform/assert-never.ts'
import { badInput, conflict, type RequestError } from '../platform/errors.ts'
import type { ResolvedModel } from '../providers/registry.ts'

const field = 'attachmentIds'

/**
 * The viewer's files that a message names, or, where it names none, those of the message that it is about. Throws
 * NOT_FOUND before anybody is asked.
 */
export async function filesOf(
  viewer: Viewer,
  { attachments }: { readonly attachments: Attachments },
  { named, messageId }: { readonly named: readonly string[] | null; readonly messageId: string | null },
  signal: AbortSignal,
): Promise<readonly AttachmentInfo[]> {
  if (named !== null) return attachments.settled(viewer, named, field, signal)
  const of = messageId === null ? undefined : (await attachments.ofMessages(viewer, [messageId])).get(messageId)
  return of ?? []
}

/** Throws BAD_USER_INPUT, or CONFLICT, for the first file that the model cannot be given: before anything is sent to it. */
export function requireReadable(
  model: Pick<ResolvedModel, 'modelId' | 'seesImages'>,
  files: readonly AttachmentInfo[],
) {
  for (const file of files) {
    const problem = problemOf(model, file)
    if (problem) throw problem
  }
}

function problemOf(
  { modelId, seesImages }: Pick<ResolvedModel, 'modelId' | 'seesImages'>,
  { filename, mediaType, readingStatus, readingError }: AttachmentInfo,
): RequestError | null {
  const name = JSON.stringify(filename)
  switch (readingStatus) {
    case 'READ':
      return null
    case 'PENDING':
      return conflict(`${field}: ${name} is still being read; send the message again in a moment.`, field)
    case 'FAILED':
      return badInput(field, `${name} cannot be read. ${readingError ?? ''}`.trimEnd())
    case 'NONE':
      if (!isPicture(mediaType))
        return badInput(field, `${name} is of a type that models cannot be given, ${mediaType}.`)
      return seesImages === false ? badInput(field, `${name} is an image, and ${modelId} reads text alone.`) : null
    default:
      return assertNever(readingStatus)
  }
}
