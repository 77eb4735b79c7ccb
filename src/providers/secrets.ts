import type { ProviderConfig } from './provider-config.ts'

/** What no message may hold: the key, headers that are keys, and where the server is. */
export function secretsOf({ apiKey, headers }: ProviderConfig, baseUrl: string): readonly string[] {
  const url = new URL(baseUrl)
  const keys = Object.entries(headers ?? {})
    .filter(([name]) => /auth|key|token|secret|cookie/i.test(name))
    .map(([, value]) => value.replace(/^\w+ /, ''))
  return [apiKey ?? '', ...keys, url.password, url.host, url.hostname].filter((secret) => secret.length >= 4)
}
