import { z } from 'zod'
import { encryptionKeyWords, parseEncryptionKey } from '../encryption.ts'
import { normaliseBasePath, normaliseOrigin, normaliseUrl } from './addresses.ts'
import { attachmentsSchema } from './attachments-schema.ts'
import { authSchema } from './auth-schema.ts'
import { database } from './database-schema.ts'
import { outboundSchema } from './outbound-schema.ts'
import { providerSchema } from './provider-schema.ts'
import { quotasSchema } from './quotas-schema.ts'
import { embeddingSchema, searchSchema } from './search-schema.ts'
import { toolsSchema } from './tools-schema.ts'
import { atLeast, milliseconds } from './values.ts'

const limits = z.strictObject({
  maxMessageCharacters: atLeast(1).default(262_144).meta({ description: 'Length of a message, in UTF-16 units.' }),
  maxRequestBytes: atLeast(1024)
    .default(4_194_304)
    .meta({ description: 'Size of a request, or of a WebSocket message.' }),
  maxDepth: atLeast(1).default(15).meta({ description: 'Depth of a GraphQL operation.' }),
  maxAliases: atLeast(0).default(60).meta({ description: 'Aliases in a GraphQL operation.' }),
  maxTokens: atLeast(1).default(4000).meta({ description: 'Lexical tokens of a GraphQL document.' }),
  maxDirectives: atLeast(0).default(40).meta({ description: 'Directives in a GraphQL operation.' }),
  maxComplexity: atLeast(1).default(20_000).meta({ description: 'Cost of a GraphQL operation.' }),
  maxConnections: atLeast(1).default(10_000).meta({ description: 'WebSocket connections at a time.' }),
})

const expectedModel = "provider/model: a provider's id, a slash, and its model's name"

const modelId = z
  .string()
  .regex(/^[^/]+\/.+$/, `expected ${expectedModel}`)
  .meta({ expected: expectedModel })

/**
 * Every configuration key: its type, its default and what it means. Names of environment variables and flags are made
 * from this (`keys.ts`), and so are `.env.example` and the table in `docs/configuration.md`.
 *
 * Metadata of a key: `description`; `example`, where the default is none; `secret: true`, where its value must not be
 * printed; `expected`, where its type does not say what it takes.
 */
export const configSchema = z.strictObject({
  host: z.string().min(1).default('127.0.0.1').meta({ description: 'The address to listen on.' }),
  port: z.int().min(0).max(65_535).default(4000).meta({ description: 'The port to listen on; 0: any free one.' }),
  basePath: z
    .string()
    .regex(/^[\w\-.~/]*$/, 'expected a path such as /chat')
    .transform(normaliseBasePath)
    .default('')
    .meta({ description: 'A path before every route, GraphiQL and WebSocket included.', example: '/chat' }),
  publicUrl: z
    .url({ protocol: /^https?$/, error: 'expected an http or https URL' })
    .transform(normaliseUrl)
    .optional()
    .meta({
      description: 'Where clients reach the server, `basePath` included, when that is not `host` and `port`.',
      example: 'https://chat.example.com',
    }),
  trustProxy: z
    .boolean()
    .default(false)
    .meta({ description: 'Believe the `X-Forwarded-…` headers of a proxy in front.' }),
  corsOrigins: z
    .array(
      z.string().transform((text, context) => {
        const origin = normaliseOrigin(text)
        if (origin !== null) return origin
        context.addIssue('expected an origin such as https://app.example.com, or *')
        return z.NEVER
      }),
    )
    .default([])
    .meta({
      description: 'Origins whose pages may call the server, or `*` for all.',
      example: ['https://app.example.com', 'http://localhost:5173'],
    }),
  dataDir: z.string().min(1).default('.parley').meta({
    description: 'Where the embedded database and other data live; relative to the working directory.',
  }),
  logLevel: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .default('info')
    .meta({ description: 'The least severe log lines that are written.' }),
  logFormat: z
    .enum(['auto', 'pretty', 'json'])
    .default('auto')
    .meta({ description: '`auto`: `pretty` on a terminal, else `json`.' }),
  drainMs: milliseconds(0)
    .default(30_000)
    .meta({ description: 'How long runs may take to end when the server stops.' }),
  readTimeoutMs: milliseconds(1).default(60_000).meta({ description: 'How long a request may take to arrive.' }),
  writeTimeoutMs: milliseconds(1).default(60_000).meta({ description: 'How long a write to a client may stall.' }),

  database: database.prefault({}),

  auth: authSchema.prefault({}),
  quotas: quotasSchema.prefault({}),

  providers: z
    .array(providerSchema)
    .default([])
    .meta({
      description:
        'Where models come from. The demo, and each provider that one of the customary variables is set of, are added where they are not listed.',
      example: [{ id: 'local', kind: 'openai', baseUrl: 'http://127.0.0.1:11434/v1' }],
    }),
  defaultModel: z.string().min(1).optional().meta({
    description:
      'The model that answers where none is asked for, or an alias. Without it, one of the first of these that is enabled: OpenAI, Anthropic, Gemini, Ollama, any other kind, the demo.',
    example: 'openai/gpt-5-mini',
    expected: expectedModel,
  }),
  aliases: z
    .record(z.string().regex(/^[^\s/]{1,128}$/, 'expected a name without a slash or a space'), modelId)
    .default({})
    .meta({
      description: "Other names of models: an alias goes wherever a model's id is asked for.",
      example: { fast: 'openai/gpt-5-mini' },
      expected: "a mapping of names to models' ids",
    }),
  fallbacks: z
    .record(z.string().min(1), z.array(z.string().min(1)))
    .default({})
    .meta({
      description:
        'Which models take over, in this order, where one fails before its answer begins. Ids or aliases on both sides.',
      example: { 'openai/gpt-5-mini': ['anthropic/claude-haiku-4-5'] },
      expected: "a mapping of a model's id to a list of such ids",
    }),
  encryptionKey: z
    .string()
    .refine((text) => parseEncryptionKey(text) !== null, `expected ${encryptionKeyWords}`)
    .optional()
    .meta({
      description: `What the keys of providers that are added at run time are encrypted with: ${encryptionKeyWords}.`,
      example: '',
      secret: true,
    }),
  outbound: outboundSchema.prefault({}),
  llm: z
    .strictObject({
      enabled: z
        .boolean()
        .default(true)
        .meta({ description: 'Off: messages are stored, and no provider is contacted.' }),
    })
    .prefault({}),
  generation: z
    .strictObject({
      temperature: z.number().min(0).max(2).optional().meta({
        description: "Without it, the model's own default.",
        example: 0.7,
      }),
      maxOutputTokens: atLeast(1).optional().meta({ description: "Without it, the model's own limit.", example: 4096 }),
    })
    .prefault({}),
  context: z
    .strictObject({
      maxMessages: atLeast(1).default(20).meta({ description: 'Messages of a thread that the model sees.' }),
      maxTokens: atLeast(1).default(100_000).meta({ description: 'Tokens of a thread that the model sees.' }),
      instructions: z.string().optional().meta({
        description: 'What the model is told before every thread.',
        example: 'Answer briefly.',
      }),
    })
    .prefault({}),

  stream: z
    .strictObject({
      flushMs: milliseconds(0).default(0).meta({ description: 'How long deltas are held to be joined; 0: one tick.' }),
      heartbeatMs: milliseconds(1).default(10_000).meta({ description: 'How often a silent stream says it is alive.' }),
      retain: atLeast(1).default(10_000).meta({ description: 'Events of a thread that are held for replay.' }),
      queueSize: atLeast(1)
        .default(256)
        .meta({ description: 'Events that wait for a subscriber before they collapse.' }),
    })
    .prefault({}),
  runs: z
    .strictObject({
      concurrency: atLeast(1).default(100).meta({ description: 'Runs at a time in this process; others wait.' }),
      maxSteps: atLeast(1).default(20).meta({ description: 'Model turns in one run.' }),
      leaseMs: milliseconds(100).default(10_000).meta({
        description: 'How long after its process died another may take a run.',
      }),
    })
    .prefault({}),
  tools: toolsSchema.prefault({}),
  mcpServersFile: z.string().min(1).optional().meta({
    description:
      'A file of MCP servers, in the `mcpServers` format that Claude Desktop, Cursor and others use; relative to the working directory. Without it, `mcp-servers.json` there, if it exists.',
    example: 'mcp-servers.json',
  }),
  attachments: attachmentsSchema.prefault({}),
  search: searchSchema.prefault({}),
  embedding: embeddingSchema.prefault({}),
  retention: z
    .strictObject({
      deletedDays: z
        .int()
        .min(0)
        .max(36_500)
        .nullable()
        .transform((days) => (days === 0 ? null : days))
        .default(30)
        .meta({ description: 'Days until a deleted thread is purged; 0, or null in YAML: never.' }),
    })
    .prefault({}),
  metrics: z
    .strictObject({
      token: z
        .string()
        .regex(/^[\x21-\x7e]{16,}$/, 'expected at least 16 characters, without spaces')
        .optional()
        .meta({
          description:
            'Who sends it as `Authorization: Bearer …` may read `/metrics`, and nobody else; without it, this machine alone may.',
          example: 'a-long-random-text',
          secret: true,
        }),
    })
    .prefault({}),
  limits: limits.prefault({}),
})

/** The whole configuration, checked, with its defaults. `database.url` is absent where the embedded database serves. */
export type Config = z.output<typeof configSchema>

/** What may be written: every key may be left out. */
export type ConfigInput = z.input<typeof configSchema>

/** A provider as configured; its `kind` says which implementation serves it. */
export type ProviderConfig = Config['providers'][number]
