import { type AttachmentInfo, findAttachments } from '../attachments/attachment-rows.ts'
import { batchOnly, builder } from './builder.ts'
import { requireViewer } from './context.ts'
import { MessageRef } from './message.ts'

const ReadingStatusRef = builder.enumType('ReadingStatus', {
  description: "What became of reading a file's text.",
  values: {
    PENDING: { description: 'It is being read, or waits for its turn.' },
    READ: { description: '`extractedText` is its text, or the beginning of it.' },
    NONE: { description: 'It is of a kind that has no text, such as an image.' },
    FAILED: { description: 'It cannot be read; `readingError` says why.' },
  } as const,
})

export const AttachmentRef = builder.node(builder.objectRef<AttachmentInfo>('Attachment'), {
  description: "A user's file. Until it is on a message it is kept for a day.",
  id: { resolve: ({ id }) => id },
  loadManyWithoutCache: (ids, context) => findAttachments(requireViewer(context), context.services.database, ids),
  fields: (t) => ({
    filename: t.exposeString('filename', { description: 'As whoever sent it called it: for people alone.' }),
    mediaType: t.exposeString('mediaType', {
      description: 'What its bytes say, such as `image/png`; `application/octet-stream` where they say nothing.',
    }),
    byteSize: t.exposeInt('byteSize', { description: 'Its size in bytes.' }),
    url: t.string({
      description:
        'GET it for the file. It needs no token: whoever has it may use it, for about an hour. Where it begins with `/`, it is on the host that this was asked of. Status 404 where the file took too much to be read, and is not kept.',
      resolve: (attachment, _args, { services }) => services.attachments.urlOf(attachment),
    }),
    readingStatus: t.expose('readingStatus', { type: ReadingStatusRef, description: 'Whether its text was read.' }),
    readingError: t.exposeString('readingError', {
      description: 'Why its text could not be read, and whether it is not kept; null where it could.',
      nullable: true,
    }),
    extractedText: t.loadable({
      type: 'String',
      description: 'What it says, as models are told it; null where nothing was read.',
      nullable: true,
      load: async (ids: string[], context) => {
        const texts = await context.services.attachments.texts(requireViewer(context), ids)
        return ids.map((id) => texts.get(id) ?? null)
      },
      loaderOptions: batchOnly,
      resolve: ({ id }) => id,
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was stored.' }),
  }),
})

builder.prismaObjectField(MessageRef, 'attachments', (t) =>
  t.loadableList({
    type: AttachmentRef,
    description: 'The files that were sent with it, in the order in which they were named.',
    // Few messages have any, and all are found together.
    complexity: { field: 1, multiplier: 3 },
    load: async (ids: string[], context) => {
      const found = await context.services.attachments.ofMessages(requireViewer(context), ids)
      return ids.map((id) => [...(found.get(id) ?? [])])
    },
    loaderOptions: batchOnly,
    resolve: ({ id }) => id,
  }),
)
