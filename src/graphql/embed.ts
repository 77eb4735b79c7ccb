import { badInput } from '../platform/errors.ts'
import { cleanText } from '../platform/text.ts'
import { type Embedded, embed } from '../runs/embed.ts'
import { builder } from './builder.ts'
import { requireViewer } from './context.ts'
import { UsageRef } from './usage.ts'

/** Writing vectors out holds all else up: half a millisecond for one of 1,536 numbers. */
const maxInputs = 256

const EmbedInputRef = builder.inputType('EmbedInput', {
  description: 'Texts to embed.',
  fields: (t) => ({
    input: t.stringList({ required: true, description: 'The texts; at least one, at most 256, none of them empty.' }),
    modelId: t.id({
      description:
        'The embedding model, or an alias; by default that of the first provider that embeds, the demo last.',
    }),
  }),
})

const EmbedPayloadRef = builder.objectRef<Embedded>('EmbedPayload').implement({
  description: 'What an embedding gives.',
  fields: (t) => ({
    modelId: t.exposeID('modelId', { description: 'The model that made the vectors.' }),
    embeddings: t.field({
      type: t.listRef(t.listRef('Float')),
      description: 'One vector for each text, in their order.',
      resolve: ({ embeddings }) => embeddings.map((vector) => [...vector]),
    }),
    usage: t.expose('usage', { type: UsageRef, description: 'What it used.' }),
  }),
})

builder.mutationField('embed', (t) =>
  t.field({
    type: EmbedPayloadRef,
    description: 'Vectors for texts, stored nowhere: near each other where the texts mean something alike.',
    args: { input: t.arg({ type: EmbedInputRef, required: true, description: 'The texts.' }) },
    resolve: (_root, { input: { input, modelId } }, context) =>
      embed(
        requireViewer(context),
        { input: checkedInput(input, context.services.config.maxMessageCharacters), modelId: modelId ?? null },
        { ...context.services, log: context.log },
        context.signal,
      ),
  }),
)

/** Throws BAD_USER_INPUT, or TOO_LARGE, with the field. */
function checkedInput(input: readonly string[], maxCharacters: number): readonly string[] {
  if (input.length === 0) throw badInput('input', 'must hold at least one text.')
  if (input.length > maxInputs) throw badInput('input', `must hold at most ${maxInputs} texts.`)
  return input.map((text, index) => {
    if (text === '') throw badInput(`input.${index}`, 'must not be empty.')
    return cleanText(`input.${index}`, text, maxCharacters)
  })
}
