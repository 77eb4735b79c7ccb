import { z } from 'zod'
import { databaseUrlPattern, sslModes } from './database-url.ts'
import { milliseconds } from './values.ts'

/** The section `database`. */
export const database = z.strictObject({
  url: z
    .string()
    .regex(databaseUrlPattern, 'expected postgresql://user:password@host:5432/name, with %-escapes in the password')
    .optional()
    .meta({
      description: 'The PostgreSQL to use. Without it, and without `database.host`, the embedded one is started.',
      example: 'postgresql://parley:secret@127.0.0.1:5432/parley',
      secret: true,
    }),
  directUrl: z
    .string()
    .regex(databaseUrlPattern, 'expected postgresql://user:password@host:5432/name, with %-escapes in the password')
    .optional()
    .meta({
      description: 'A connection past the transaction pooler, for migrations.',
      example: 'postgresql://parley:secret@127.0.0.1:5432/parley',
      secret: true,
    }),
  host: z.string().min(1).optional().meta({
    description: "PostgreSQL's host, or the directory of its socket: the parts below then stand in for `database.url`.",
    example: 'db.internal',
  }),
  port: z.int().min(1).max(65_535).default(5432).meta({ description: "PostgreSQL's port; used with `database.host`." }),
  name: z.string().min(1).default('parley').meta({ description: "The database's name; used with `database.host`." }),
  user: z.string().min(1).default('parley').meta({ description: 'Who connects; used with `database.host`.' }),
  password: z.string().optional().meta({
    description: 'The password; used with `database.host`.',
    example: 'secret',
    secret: true,
  }),
  sslMode: z.enum(sslModes).optional().meta({
    description:
      'As in libpq, but nothing falls back to plain text: `prefer`, `require` and `no-verify` encrypt without checking the certificate. `verify-ca` needs `sslrootcert` in the URL, else it is `verify-full`.',
    example: 'verify-full',
  }),
  poolMin: z.int().min(0).max(1000).default(2).meta({ description: 'Connections that are kept when idle.' }),
  poolSize: z.int().min(1).max(1000).default(10).meta({ description: 'Connections at most.' }),
  statementTimeoutMs: milliseconds(0)
    .default(30_000)
    .meta({ description: 'How long a statement may take; 0: any time.' }),
})
