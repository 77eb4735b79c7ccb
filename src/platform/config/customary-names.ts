/** An environment variable that other software reads too: a second name of a key, or of a provider's field. */
export type CustomaryName =
  | { readonly name: string; readonly key: string }
  | { readonly name: string; readonly provider: string; readonly field: 'apiKey' | 'baseUrl' }

/** For a provider, the id is also the kind: one is added under it where none with that id is configured. */
export const customaryNames: readonly CustomaryName[] = [
  { name: 'DATABASE_URL', key: 'database.url' },
  { name: 'OPENAI_API_KEY', provider: 'openai', field: 'apiKey' },
  { name: 'OPENAI_BASE_URL', provider: 'openai', field: 'baseUrl' },
]
