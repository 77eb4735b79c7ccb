import { z } from 'zod'
import { atLeast, milliseconds } from './values.ts'

const model = z
  .union([
    z.string().min(1),
    z.strictObject({ name: z.string().min(1), contextWindow: atLeast(1).nullable().default(null) }),
  ])
  .transform((named) => (typeof named === 'string' ? { name: named, contextWindow: null } : named))
  .meta({ expected: "a model's name, or { name, contextWindow }" })

/** One entry of `providers`. */
export const providerSchema = z.strictObject({
  id: z
    .string()
    .regex(/^[a-z0-9][a-z0-9_-]*$/, 'expected lower-case letters, digits, - and _')
    .meta({ description: "The first part of its models' ids; unique.", example: 'local' }),
  kind: z.string().min(1).meta({ description: 'Which protocol it speaks.', example: 'openai' }),
  enabled: z.boolean().default(true).meta({ description: 'Off: it is not contacted, and its models are refused.' }),
  baseUrl: z
    .url({ protocol: /^https?$/, error: 'expected an http or https URL' })
    .optional()
    .meta({
      description: "Its API's address, where that is not the kind's own.",
      example: 'http://127.0.0.1:11434/v1',
    }),
  apiKey: z
    .string()
    .regex(/^[\x21-\x7e]+$/, 'expected a key without spaces or line breaks')
    .optional()
    .meta({
      description: 'Its key; without one, no Authorization header is sent.',
      example: `\${OPENAI_API_KEY}`,
      secret: true,
    }),
  models: z
    .array(model)
    .optional()
    .meta({
      description: 'Models that are known beside those that it lists, by name or as `{ name, contextWindow }`.',
      example: ['gpt-5-mini', { name: 'gpt-5', contextWindow: 400000 }],
    }),
  timeoutMs: milliseconds(1).default(60_000).meta({ description: "How long the response's headers may take." }),
  idleTimeoutMs: milliseconds(1).default(60_000).meta({ description: 'How long a response may be silent.' }),
  maxRetries: atLeast(0)
    .default(2)
    .meta({ description: 'How often a request that fails is tried again, before its answer begins.' }),
  headers: z
    .record(z.string().regex(/^[\w-]+$/, "expected a header's name"), z.string())
    .optional()
    .meta({ description: 'Sent with every request.', example: { 'X-Team': 'research' }, secret: true }),
})
