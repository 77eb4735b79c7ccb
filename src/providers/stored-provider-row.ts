import type { Prisma, StoredProvider as Row } from '../database/generated/client.ts'
import { providerSchema } from '../platform/config/provider-schema.ts'
import { type Cipher, encryptionKeyWords } from '../platform/encryption.ts'
import { badInput } from '../platform/errors.ts'
import { isJsonObject } from '../platform/json.ts'
import type { AccountConfig, ProviderConfig } from './provider-config.ts'
import type { ProviderValues } from './provider-input.ts'
import type { StoredProvider } from './provider-set.ts'

/** What of a row is the provider itself. */
export type StoredProviderRow = Pick<Row, 'id' | 'kind' | 'enabled' | 'secrets'> & { readonly config: unknown }

/** What a row holds, as it would be written in the configuration. */
export interface ReadRow {
  readonly values: ProviderValues
  /** Why the keys are missing in the values; null where none are. */
  readonly problem: string | null
}

/** The keys of a row: encrypted, one text. The lists of accounts in both parts have one order. */
interface Secrets {
  readonly apiKey?: string | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly accounts?: readonly Omit<Secrets, 'accounts'>[]
}

const keyIsMissing = 'Its keys are stored encrypted, and no encryption key is configured.'
const keyIsAnother = 'Its keys cannot be decrypted: the encryption key is another than when they were stored.'

/** What is stored of the values. Throws BAD_USER_INPUT where there are keys and nothing to encrypt them with. */
export function toRow(
  id: string,
  values: ProviderValues,
  cipher: Cipher | null,
): StoredProviderRow & { readonly config: Prisma.InputJsonObject } {
  const { id: _, kind = '', enabled = true, apiKey, headers, accounts, ...plain } = values
  const keys = keysOf({ apiKey, headers })
  const accountKeys = accounts?.map(keysOf) ?? []
  const hasAccountKeys = accountKeys.some(hasKeys)
  const secrets: Secrets = { ...keys, ...(hasAccountKeys && { accounts: accountKeys }) }
  const config = { ...plain, ...(accounts && { accounts: accounts.map(withoutKeys) }) }
  const row = { id, kind, enabled, config: JSON.parse(JSON.stringify(config)) }
  if (!hasKeys(secrets)) return { ...row, secrets: null }
  if (cipher === null) {
    const field = apiKey ? 'apiKey' : hasKeys(keys) ? 'headers' : 'accounts'
    throw badInput(field, `keys are stored encrypted: set PARLEY_ENCRYPTION_KEY to ${encryptionKeyWords}, first.`)
  }
  return { ...row, secrets: cipher.encrypt(JSON.stringify(secrets), placeOf(id)) }
}

function keysOf({ apiKey, headers }: Pick<Secrets, 'apiKey' | 'headers'>): Secrets {
  const hasHeaders = Object.keys(headers ?? {}).length > 0
  return { ...(apiKey !== undefined && { apiKey }), ...(hasHeaders && { headers }) }
}

function withoutKeys({
  apiKey: _apiKey,
  headers: _headers,
  ...account
}: Partial<AccountConfig>): Partial<AccountConfig> {
  return account
}

function hasKeys(secrets: Secrets): boolean {
  return Object.keys(secrets).length > 0
}

/** What the row holds, as far as it can be read. */
export function readRow({ id, kind, enabled, config, secrets }: StoredProviderRow, cipher: Cipher | null): ReadRow {
  const plain: ProviderValues = isJsonObject(config) ? config : {}
  const opened = openSecrets(id, secrets, cipher)
  const { accounts: own = [], ...keys } = typeof opened === 'string' ? {} : opened
  const accounts = plain.accounts?.map((account, index) => ({ ...account, ...own[index] }))
  const values = { ...plain, id, kind, enabled, ...keys, ...(accounts && { accounts }) }
  return { values, problem: typeof opened === 'string' ? opened : null }
}

/** The provider as it can be used; one that can't says why, and is never asked. */
export function toStoredProvider(
  row: StoredProviderRow & Pick<Row, 'revision'>,
  cipher: Cipher | null,
): StoredProvider {
  const { values, problem } = readRow(row, cipher)
  const parsed = providerSchema.safeParse(values)
  const { id, kind, enabled, revision } = row
  if (parsed.success) return { config: parsed.data, revision, problem }
  const config: ProviderConfig = { id, kind, enabled, timeoutMs: 1, idleTimeoutMs: 1, maxRetries: 0 }
  return { config, revision, problem: problem ?? 'What is stored of it does not fit this version of Parley.' }
}

/** The keys, or why they cannot be read. */
function openSecrets(id: string, secrets: string | null, cipher: Cipher | null): Secrets | string {
  if (secrets === null) return {}
  if (cipher === null) return keyIsMissing
  try {
    return JSON.parse(cipher.decrypt(secrets, placeOf(id)))
  } catch {
    // Its error says nothing that would help.
    return keyIsAnother
  }
}

/** Bound to the row: the keys of one provider cannot be moved to another. */
function placeOf(id: string): string {
  return `StoredProvider:${id}`
}
