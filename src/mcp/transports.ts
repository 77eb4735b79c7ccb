import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import type { CallerToken } from '../auth/caller-token.ts'
import type { Log } from '../platform/log.ts'
import type { ConnectionOptions } from './connection.ts'
import { createSseTransport, createStreamableTransport } from './http-transport.ts'
import type { McpRules } from './rules.ts'
import type { McpServerConfig, StdioServerConfig } from './server-config.ts'

/** Makes the transport of a server that is a process; the process starts when the transport does. */
export type StartStdio = (
  config: StdioServerConfig,
  options: { readonly log: Log; readonly maxMessageBytes: number },
) => Transport

/** How a server is reached: where an entry says no more than `http`, the newer transport comes first. */
export function transportsFor(
  config: McpServerConfig,
  {
    rules,
    startStdio,
    token,
    log,
  }: { rules: McpRules; startStdio: StartStdio; token: (() => CallerToken) | null; log: Log },
): ConnectionOptions['transports'] {
  if (config.type === 'stdio')
    return [{ kind: 'stdio', create: () => startStdio(config, { log, maxMessageBytes: rules.maxMessageBytes }) }]
  const sse = { kind: 'sse', create: () => createSseTransport({ config, token, rules }) } as const
  const streamable = {
    kind: 'streamable-http',
    create: () => createStreamableTransport({ config, token, rules }),
  } as const
  return config.type === 'sse' ? [sse] : [streamable, sse]
}
