import type { Message } from '../database/generated/client.ts'
import { builder } from './builder.ts'
import { requireViewer } from './context.ts'
import { MessageRef, MessageStatusRef } from './message.ts'
import { RunRef } from './run.ts'
import { UsageRef, usageOfRun } from './usage.ts'

// What a message shows of its run, and its correction, which must not meet a run.

builder.prismaObjectFields(MessageRef, (t) => ({
  run: t.relation('run', {
    type: RunRef,
    description: "The run that wrote it; null on a user's message.",
    nullable: true,
  }),
  usage: t.field({
    type: UsageRef,
    description: "What its run used; null on a user's message.",
    nullable: true,
    select: { run: true },
    resolve: ({ run }) => run && usageOfRun(run),
  }),
}))

const MessagePayloadRef = builder.objectRef<{ readonly message: Message }>('MessagePayload').implement({
  description: 'What became of a message.',
  fields: (t) => ({ message: t.expose('message', { type: MessageRef, description: 'As it is now.' }) }),
})

const UpdateMessageInputRef = builder.inputType('UpdateMessageInput', {
  description: 'A correction of a message: what is left out stays.',
  fields: (t) => ({
    messageId: t.id({ required: true, description: 'A message that no run is writing.' }),
    text: t.string({ description: 'What it is to say; it cannot be cleared.' }),
    status: t.field({ type: MessageStatusRef, description: 'COMPLETED, INTERRUPTED or FAILED.' }),
  }),
})

builder.mutationField('updateMessage', (t) =>
  t.field({
    type: MessagePayloadRef,
    description:
      "Corrects a stored message's text, or its status to a final one, in place; starts no run. CONFLICT while a run writes the message.",
    args: { input: t.arg({ type: UpdateMessageInputRef, required: true, description: 'The correction.' }) },
    resolve: async (_root, { input }, context) => ({
      message: await context.services.runs.updateMessage(requireViewer(context), input),
    }),
  }),
)
