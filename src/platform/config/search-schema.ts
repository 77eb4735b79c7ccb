import { z } from 'zod'
import { atLeast } from './values.ts'

/** The section `search`. */
export const searchSchema = z.strictObject({
  enabled: z.boolean().default(true).meta({
    description:
      'Off: nothing is indexed, and `search` is refused. What was said meanwhile is indexed when it is on again.',
  }),
  minSimilarity: z.number().min(0).max(1).default(0.25).meta({
    description: 'What is less like the query than this (cosine, 0 to 1) is not found by its meaning.',
  }),
})

/** The section `embedding`. */
export const embeddingSchema = z.strictObject({
  model: z
    .string()
    .regex(/^(?:offline|[^/]+\/.+)$/, 'expected provider/model, or offline')
    .default('offline')
    .meta({
      description:
        'What search embeds texts with: an embedding model, or `offline` for the one that comes with Parley, which understands English. What a provider embeds, it reads: so none is asked that is not named here.',
    }),
  batchSize: atLeast(1).max(2048).default(64).meta({ description: 'Texts in one request to a provider.' }),
  queryPrefix: z.string().default('').meta({
    description: 'What is put before a query that is embedded, for models such as E5: `query: `.',
  }),
  passagePrefix: z.string().default('').meta({
    description: 'What is put before a passage that is embedded, such as `passage: `. Another one embeds all anew.',
  }),
})
