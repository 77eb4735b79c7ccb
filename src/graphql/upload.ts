import type { AttachmentInfo } from '../attachments/attachment-rows.ts'
import type { IssuedTicket } from '../attachments/tickets.ts'
import { AttachmentRef } from './attachment.ts'
import { builder } from './builder.ts'
import { requireViewer } from './context.ts'

const AttachmentPayloadRef = builder.objectRef<{ readonly attachment: AttachmentInfo }>('AttachmentPayload').implement({
  description: 'A new file.',
  fields: (t) => ({
    attachment: t.expose('attachment', { type: AttachmentRef, description: 'As it is stored.' }),
  }),
})

const CreateUploadTicketInputRef = builder.inputType('CreateUploadTicketInput', {
  description: 'A file that is to be sent.',
  fields: (t) => ({
    filename: t.string({ required: true, description: 'What people call it; without a path, at most 255 characters.' }),
    byteSize: t.int({ required: true, description: 'Its size in bytes: it must come with exactly as many.' }),
  }),
})

const CreateUploadTicketPayloadRef = builder.objectRef<IssuedTicket>('CreateUploadTicketPayload').implement({
  description: 'Where to send it.',
  fields: (t) => ({
    uploadUrl: t.exposeString('uploadUrl', {
      description:
        "PUT the file to it: the answer, 201, has the attachment's id as `attachmentId`. A piece of it says where it begins with `Upload-Offset`, in bytes; HEAD tells in that header how much has come, and DELETE gives up. It needs no token: whoever has it may use it. Where it begins with `/`, it is on the host that this was asked of.",
    }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'Until when it is good.' }),
  }),
})

const DeleteAttachmentInputRef = builder.inputType('DeleteAttachmentInput', {
  description: 'Which file.',
  fields: (t) => ({
    attachmentId: t.id({ required: true, description: "The attachment's id." }),
  }),
})

const DeleteAttachmentPayloadRef = builder
  .objectRef<{ readonly attachmentId: string }>('DeleteAttachmentPayload')
  .implement({
    description: 'Which file is gone.',
    fields: (t) => ({
      attachmentId: t.exposeID('attachmentId', { description: 'The id that it had.' }),
    }),
  })

builder.mutationFields((t) => ({
  uploadAttachment: t.field({
    type: AttachmentPayloadRef,
    description:
      'Stores a file that comes with the request; large ones are TOO_LARGE, and go to the address that `createUploadTicket` gives. Name its id in `attachmentIds` of a message within a day.',
    args: { file: t.arg({ type: 'File', required: true, description: 'The file.' }) },
    resolve: async (_root, { file }, context) => {
      const content = new Blob([await file.arrayBuffer()])
      const upload = { filename: file.name, content }
      return {
        attachment: await context.services.attachments.upload(requireViewer(context), upload, context.signal),
      }
    },
  }),
  createUploadTicket: t.field({
    type: CreateUploadTicketPayloadRef,
    description: 'An address to which one file may be sent, as a whole or in pieces, within a day.',
    args: { input: t.arg({ type: CreateUploadTicketInputRef, required: true, description: 'What is to be sent.' }) },
    resolve: (_root, { input }, context) => context.services.attachments.tickets.issue(requireViewer(context), input),
  }),
  deleteAttachment: t.field({
    type: DeleteAttachmentPayloadRef,
    description: "Removes a file of the caller's at once and for good, from the messages that it is on too.",
    args: { input: t.arg({ type: DeleteAttachmentInputRef, required: true, description: 'Which file.' }) },
    resolve: async (_root, { input: { attachmentId } }, context) => {
      await context.services.runs.deleteFile(requireViewer(context), attachmentId)
      return { attachmentId }
    },
  }),
}))
