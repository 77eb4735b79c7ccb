import { builder } from './builder.ts'

export const ClientToolInputRef = builder.inputType('ClientToolInput', {
  description: 'A tool that the client runs itself: the model may call it, and nothing here runs it.',
  fields: (t) => ({
    name: t.string({
      required: true,
      description:
        "Its name, which no other of the input's tools has and, where the server's tools are offered too, none of those: a letter or `_`, then letters, digits, `_` and `-`; at most 64.",
    }),
    description: t.string({ description: 'What it does and when to use it, for the model.' }),
    inputSchema: t.field({
      type: 'JSON',
      required: true,
      description: 'What it takes: a JSON Schema whose type is `object`.',
    }),
  }),
})
