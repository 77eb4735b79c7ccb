import type { AttachmentInfo } from '../attachments/attachment-rows.ts'
import type { Attachments } from '../attachments/attachments.ts'
import { imageLimitsOf } from '../attachments/image-limits.ts'
import type { PreparedImage } from '../attachments/images.ts'
import type { InputFile } from '../chat/transcript.ts'
import { ProviderError } from '../providers/provider-error.ts'
import type { ResolvedModel } from '../providers/registry.ts'
import { noteOf } from './prompt-files.ts'

/** How images are shown to one model. */
export interface ModelEyes {
  /**
   * One of so many images, scaled down where the provider wants that. Where it cannot be shown, throws a `ProviderError`
   * or, of an older message, gives a note. Throws the signal's reason.
   */
  show(file: AttachmentInfo, place: { readonly count: number; readonly isQuestion: boolean }): Promise<InputFile>
}

export function eyesOf(
  { modelId, provider, seesImages }: Pick<ResolvedModel, 'modelId' | 'provider' | 'seesImages'>,
  attachments: Attachments,
  signal: AbortSignal,
): ModelEyes {
  async function look(file: AttachmentInfo, count: number): Promise<PreparedImage> {
    if (seesImages === false) return { error: `${modelId} reads text alone.` }
    return attachments.image(file, imageLimitsOf(provider.kind, count), signal)
  }

  return {
    async show(file, { count, isQuestion }) {
      const { filename } = file
      const looked = await look(file, count)
      if ('image' in looked) return { filename, mediaType: looked.image.mediaType, data: looked.image.bytes }
      if (!isQuestion) return noteOf(file, `The image cannot be shown. ${looked.error}`)
      const message = `${JSON.stringify(filename)} cannot be shown to the model. ${looked.error}`
      throw new ProviderError('PROVIDER_ERROR', message, { retryable: false })
    },
  }
}
