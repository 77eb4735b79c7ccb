import { z } from 'zod'
import { atLeast, milliseconds } from './values.ts'

const model = z
  .union([
    z.string().min(1),
    z.strictObject({ name: z.string().min(1), contextWindow: atLeast(1).nullable().default(null) }),
  ])
  .transform((named) => (typeof named === 'string' ? { name: named, contextWindow: null } : named))
  .meta({ expected: "a model's name, or { name, contextWindow }" })

const baseUrl = z.url({ protocol: /^https?$/, error: 'expected an http or https URL' })

const apiKey = z.string().regex(/^[\x21-\x7e]+$/, 'expected a key without spaces or line breaks')

const headers = z.record(
  z.string().regex(/^[\w-]+$/, "expected a header's name"),
  z.string().regex(/^[\t\x20-\x7e\x80-\xff]*$/, "expected a header's value: one line of Latin-1"),
)

/** One entry of a provider's `accounts`; what it leaves out is the provider's. */
const account = z
  .strictObject({
    name: z
      .string()
      .regex(/^[\w][\w .-]{0,63}$/, 'expected letters, digits, spaces, . _ and -, at most 64')
      .optional()
      .meta({ description: 'What it is called in errors and metrics; unique in its provider.', example: 'team' }),
    baseUrl: baseUrl.optional().meta({ description: "Its API's address.", example: 'https://eu.example.com/v1' }),
    apiKey: apiKey.optional().meta({ description: 'Its key.', example: `\${TEAM_API_KEY}`, secret: true }),
    headers: headers
      .optional()
      .meta({ description: 'Sent with its requests.', example: { 'X-Team': 'research' }, secret: true }),
    weight: z
      .number()
      .min(0.001)
      .max(1000)
      .default(1)
      .meta({ description: 'Its share of the requests that go at a time, beside those of the others.' }),
  })
  .meta({ expected: 'a mapping with name, apiKey, baseUrl, headers and weight' })

/** One entry of `providers`. */
export const providerSchema = z.strictObject({
  id: z
    .string()
    .regex(/^[a-z0-9][a-z0-9_-]{0,63}$/, 'expected lower-case letters, digits, - and _')
    .meta({ description: "The first part of its models' ids; unique.", example: 'local' }),
  kind: z.string().min(1).meta({ description: 'Which protocol it speaks.', example: 'openai' }),
  enabled: z.boolean().default(true).meta({ description: 'Off: it is not contacted, and its models are refused.' }),
  baseUrl: baseUrl.optional().meta({
    description: "Its API's address, where that is not the kind's own.",
    example: 'http://127.0.0.1:11434/v1',
  }),
  apiKey: apiKey.optional().meta({
    description: 'Its key; without one, none is sent.',
    example: `\${OPENAI_API_KEY}`,
    secret: true,
  }),
  models: z
    .array(model)
    .optional()
    .meta({
      description:
        'Models that are known beside those that it lists, by name or as `{ name, contextWindow }`; the first is its default.',
      example: ['gpt-5-mini', { name: 'gpt-5', contextWindow: 400000 }],
    }),
  accounts: z
    .array(account)
    .max(100)
    .optional()
    .meta({
      description:
        'Several keys or addresses that share its requests, each with `name`, `apiKey`, `baseUrl`, `headers` and `weight`; the provider has what one leaves out.',
      example: [
        { name: 'a', apiKey: `\${KEY_A}` },
        { name: 'b', apiKey: `\${KEY_B}`, weight: 2 },
      ],
    }),
  timeoutMs: milliseconds(1).default(60_000).meta({ description: "How long the response's headers may take." }),
  idleTimeoutMs: milliseconds(1).default(60_000).meta({ description: 'How long a response may be silent.' }),
  maxRetries: atLeast(0)
    .max(20)
    .default(2)
    .meta({ description: 'How often a request that fails is tried again, before its answer begins.' }),
  keepsConversations: z
    .boolean()
    .default(false)
    .meta({ description: 'For `openai-responses`: OpenAI keeps the conversation, and gets what is new of it only.' }),
  headers: headers
    .optional()
    .meta({ description: 'Sent with every request.', example: { 'X-Team': 'research' }, secret: true }),
})
