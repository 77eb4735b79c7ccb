import type { Config } from '../platform/config/schema.ts'

/** Where a server with this configuration is reached from this machine, `basePath` included, whatever is in front. */
export function localUrlOf({ host, port, basePath }: Pick<Config, 'host' | 'port' | 'basePath'>): string {
  return `http://${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}:${port}${basePath}`
}
