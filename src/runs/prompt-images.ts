import type { AttachmentInfo } from '../attachments/attachment-rows.ts'
import type { Attachments } from '../attachments/attachments.ts'
import { imageLimitsOf } from '../attachments/image-limits.ts'
import type { PreparedImage } from '../attachments/images.ts'
import type { InputFile } from '../chat/transcript.ts'
import type { Provider } from '../providers/provider.ts'
import { ProviderError } from '../providers/provider-error.ts'
import type { ResolvedModel } from '../providers/registry.ts'
import { noteOf } from './prompt-notes.ts'

type Seeing = Pick<ResolvedModel, 'modelId' | 'seesImages'> & { readonly provider: Pick<Provider, 'kind'> }

/** How images are shown to one model. */
export interface ModelEyes {
  /** The kind of the model's provider. */
  readonly kind: string
  /**
   * One of so many images, scaled down where the provider wants that. Where it cannot be shown, throws a `ProviderError`
   * or, of an older message, gives a note. Throws the signal's reason.
   */
  show(file: AttachmentInfo, place: { readonly count: number; readonly isQuestion: boolean }): Promise<InputFile>
}

export function eyesOf(model: Seeing, attachments: Attachments, signal: AbortSignal): ModelEyes {
  const { modelId, provider } = model
  async function look(file: AttachmentInfo, count: number): Promise<PreparedImage> {
    if (model.seesImages === false) return { error: blindness(modelId) }
    return attachments.image(file, imageLimitsOf(provider.kind, count), signal)
  }

  return {
    kind: provider.kind,
    async show(file, { count, isQuestion }) {
      const { filename } = file
      const looked = await look(file, count)
      if ('image' in looked) {
        const { mediaType, bytes, width, height } = looked.image
        return { filename, mediaType, data: bytes, size: { width, height } }
      }
      if (!isQuestion) return noteOf(file, notShown(looked.error))
      const message = `${JSON.stringify(filename)} cannot be shown to the model. ${looked.error}`
      throw new ProviderError('PROVIDER_ERROR', message, { retryable: false })
    },
  }
}

/** For what is only counted: images are as large as they can be, and have no bytes. */
export function closedEyesOf({ modelId, provider, seesImages }: Seeing): ModelEyes {
  return {
    kind: provider.kind,
    async show(file) {
      if (seesImages === false) return noteOf(file, notShown(blindness(modelId)))
      return { filename: file.filename, mediaType: 'image/png', data: Buffer.alloc(0) }
    },
  }
}

function blindness(modelId: string): string {
  return `${modelId} reads text alone.`
}

function notShown(why: string): string {
  return `The image cannot be shown. ${why}`
}
