import { z } from 'zod'
import { parseAllowedHost } from '../outbound-hosts.ts'

/** The section `outbound`: what may be connected to on behalf of those who do not run the server. */
export const outboundSchema = z.strictObject({
  allowPrivateAddresses: z.boolean().optional().meta({
    description:
      "Whether providers that are added at run time may be on this machine or in its private networks; those in this configuration always may. Left out: in the auth mode `local` only, where their administrator is the machine's user.",
    example: false,
  }),
  allowedHosts: z
    .array(
      z
        .string()
        .refine((text) => parseAllowedHost(text) !== null, 'expected a host such as ollama.internal or 10.0.0.5:11434'),
    )
    .default([])
    .meta({
      description: 'Hosts, with or without a port, that they may be at nevertheless.',
      example: ['ollama.internal', '10.0.0.5:11434'],
    }),
})
