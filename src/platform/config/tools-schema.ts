import { z } from 'zod'
import { atLeast, milliseconds } from './values.ts'

/** Patterns of tools' names, in which `*` stands for anything. */
const patterns = z.array(z.string().min(1))

export const toolsSchema = z.strictObject({
  concurrency: atLeast(1).default(8).meta({ description: 'Tool calls of one run that run at a time.' }),
  timeoutMs: milliseconds(1).default(60_000).meta({
    description: 'How long a tool call may take; an MCP server can have its own.',
  }),
  maxResultBytes: atLeast(1024).default(262_144).meta({ description: 'Size of the result of a tool call.' }),
  approvalTtlMs: milliseconds(1000).default(86_400_000).meta({
    description: 'How long a tool call waits for a decision; then it is as if it had been denied.',
  }),
  policy: z
    .strictObject({
      deny: patterns.default([]).meta({
        description: 'Tools that never run. Names, in which `*` stands for anything; an MCP tool is SERVER__TOOL.',
        example: ['files__delete_*'],
      }),
      allow: patterns.default([]).meta({
        description: 'Tools that run without asking anybody.',
        example: ['files__read_*'],
      }),
      ask: patterns.default([]).meta({
        description: 'Tools whose every call a person has to approve, unless that person said that it may always run.',
        example: ['*'],
      }),
    })
    .prefault({}),
})
