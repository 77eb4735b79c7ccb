import { builder } from './builder.ts'

export const ThreadFilterRef = builder.inputType('ThreadFilter', {
  description: 'Which threads to list; conditions that are left out hold for all.',
  fields: (t) => ({
    deleted: t.boolean({ description: 'True lists the deleted ones instead of the others.', defaultValue: false }),
    titleContains: t.string({ description: 'Text that the title holds, in upper or lower case.' }),
    modelId: t.id({ description: 'The model that the thread is set to.' }),
  }),
})

const namesInMetadata =
  'Its `product_id` and `agent_id`, where it has them, are strings, and must be on the lists of the caller: FORBIDDEN where they are not.'

export const CreateThreadInputRef = builder.inputType('CreateThreadInput', {
  description: 'A new thread; everything may be left out.',
  fields: (t) => ({
    title: t.string({ description: 'What it is about: at most 1,000 characters.' }),
    summary: t.string({ description: 'What has been said: at most 100,000 characters.' }),
    instructions: t.string({
      description: 'What the model is told before the first message: at most 100,000 characters.',
    }),
    metadata: t.field({ type: 'JSON', description: `The client's own object: at most 64 KiB. ${namesInMetadata}` }),
    modelId: t.id({ description: 'The model that answers where a message names none.' }),
  }),
})

export const UpdateThreadInputRef = builder.inputType('UpdateThreadInput', {
  description: 'Changes to a thread: what is left out stays, null clears.',
  fields: (t) => ({
    threadId: t.id({ required: true, description: 'The thread to change.' }),
    title: t.string({ description: 'What it is about: at most 1,000 characters.' }),
    summary: t.string({ description: 'What has been said: at most 100,000 characters.' }),
    instructions: t.string({
      description: 'What the model is told before the first message: at most 100,000 characters.',
    }),
    metadata: t.field({
      type: 'JSON',
      description: `The client's own object, replaced whole: at most 64 KiB. ${namesInMetadata}`,
    }),
    modelId: t.id({ description: 'The model that answers where a message names none.' }),
  }),
})

export const RestoreThreadInputRef = builder.inputType('RestoreThreadInput', {
  description: 'Which thread to restore.',
  fields: (t) => ({
    threadId: t.id({ required: true, description: 'A deleted thread; one that is not is returned as it is.' }),
  }),
})
