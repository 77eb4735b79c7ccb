import { z } from 'zod'
import { normaliseUrl } from './addresses.ts'
import { atLeast, milliseconds } from './values.ts'

/** What a column of the database and GraphQL's Int hold. */
const largest = 2_147_483_647

/** The section `attachments`: where the files of messages are kept, and how large they may be. */
export const attachmentsSchema = z.strictObject({
  store: z.enum(['local', 's3']).default('local').meta({
    description:
      '`local`: a directory of this machine. `s3`: a bucket of S3 or of a store that speaks its protocol; several instances need one.',
  }),
  directory: z.string().min(1).optional().meta({
    description: 'Of the local store, relative to the working directory. Without it, `attachments` in `dataDir`.',
    example: '/var/lib/parley/attachments',
  }),
  s3: z
    .strictObject({
      bucket: z.string().min(1).optional().meta({ description: 'A bucket that exists.', example: 'parley-files' }),
      region: z.string().min(1).default('us-east-1').meta({ description: 'Its region.' }),
      endpoint: z
        .url({ protocol: /^https?$/, error: 'expected an http or https URL' })
        .transform(normaliseUrl)
        .optional()
        .meta({ description: 'Of a store beside AWS.', example: 'https://minio.example.com' }),
      accessKeyId: z.string().min(1).optional().meta({
        description: 'Without it, what the AWS SDK finds: its own variables, its files, or the role of the machine.',
        example: 'AKIA…',
      }),
      secretAccessKey: z.string().min(1).optional().meta({
        description: 'The secret of that key.',
        example: '…',
        secret: true,
      }),
      forcePathStyle: z.boolean().default(false).meta({
        description: "The bucket stands in the path and not in the host's name, as MinIO and others want it.",
      }),
    })
    .prefault({}),
  maxBytes: atLeast(1).max(largest).default(104_857_600).meta({ description: 'Size of a file.' }),
  maxBytesPerUser: atLeast(1).default(10_737_418_240).meta({
    description: 'Size of all files of one user, those included that they have leave to send.',
  }),
  maxMultipartBytes: atLeast(1024).max(largest).default(8_388_608).meta({
    description: 'Size of a multipart request, which is held in memory; larger files are sent to an upload ticket.',
  }),
  urlTtlMs: milliseconds(1000).default(3_600_000).meta({ description: 'How long the address of a file is good.' }),
})

export type AttachmentsConfig = z.output<typeof attachmentsSchema>
