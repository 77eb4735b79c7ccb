import type { Layer } from './layer.ts'
import { baseUrlOfOllamaHost } from './ollama-host.ts'

/** An environment variable that other software reads too: a second name of a key, or of a provider's field. */
export type CustomaryName =
  | {
      readonly name: string
      readonly key: string
      /** Where it is another program's alone, and sets nothing; `configured` gives what is there, by the key's path. */
      readonly isForeign?: (configured: (path: string) => unknown) => boolean
      /** The opposite of `isForeign` in words. */
      readonly condition?: string
    }
  | {
      readonly name: string
      readonly provider: string
      readonly field: 'apiKey' | 'baseUrl'
      /** What the field is, where the variable's text is not it. */
      readonly read?: (text: string) => string
    }

/**
 * For a provider, the id is also the kind: one is added under it where none with that id is configured. Of two for one
 * field, the first that is set counts.
 */
export const customaryNames: readonly CustomaryName[] = [
  { name: 'DATABASE_URL', key: 'database.url' },
  { name: 'PARLEY_JWT_SECRET', key: 'auth.jwt.secret' },
  { name: 'PARLEY_JWT_ISSUER', key: 'auth.jwt.issuer' },
  { name: 'PARLEY_JWT_AUDIENCE', key: 'auth.jwt.audience' },
  {
    name: 'BETTER_AUTH_SECRET',
    key: 'auth.jwt.secret',
    // Better Auth keeps it for itself as well: Parley must sign nothing with it, and a key set is in its place.
    isForeign: (configured) => configured('auth.mode') !== 'jwt' || configured('auth.jwt.jwksUrl') !== undefined,
    condition: 'in mode jwt, without auth.jwt.jwksUrl',
  },
  { name: 'OPENAI_API_KEY', provider: 'openai', field: 'apiKey' },
  { name: 'OPENAI_BASE_URL', provider: 'openai', field: 'baseUrl' },
  { name: 'ANTHROPIC_API_KEY', provider: 'anthropic', field: 'apiKey' },
  { name: 'ANTHROPIC_BASE_URL', provider: 'anthropic', field: 'baseUrl' },
  // Where both are set, Google's own SDK takes this one.
  { name: 'GOOGLE_API_KEY', provider: 'gemini', field: 'apiKey' },
  { name: 'GEMINI_API_KEY', provider: 'gemini', field: 'apiKey' },
  { name: 'GOOGLE_GEMINI_BASE_URL', provider: 'gemini', field: 'baseUrl' },
  { name: 'OLLAMA_HOST', provider: 'ollama', field: 'baseUrl', read: baseUrlOfOllamaHost },
]

/** The layers, the lowest first, without what variables say that are another program's there. */
export function withoutForeignVariables(layers: readonly Layer[]): readonly Layer[] {
  const configured = (path: string) => layers.findLast((layer) => layer.has(path))?.get(path)?.value
  const foreign = new Set(
    customaryNames.flatMap((known) => ('key' in known && known.isForeign?.(configured) ? [known.name] : [])),
  )
  return layers.map(
    (layer) => new Map([...layer].filter(([, { source }]) => !('name' in source && foreign.has(source.name)))),
  )
}
