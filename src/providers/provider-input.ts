import { messageOfIssue, pathOf } from '../platform/config/check.ts'
import { repeatedNames } from '../platform/config/cross-check.ts'
import { providerSchema } from '../platform/config/provider-schema.ts'
import { badInput } from '../platform/errors.ts'
import { cleanJsonObject } from '../platform/json.ts'
import type { OutboundGuard } from '../platform/outbound-guard.ts'
import { OutboundRefusal } from '../platform/outbound-refusal.ts'
import type { AccountConfig, ModelConfig, ProviderConfig } from './provider-config.ts'

/** What of a provider is to be stored: what is left out stays as it is, null clears it. */
export interface ProviderInput {
  readonly kind?: string | null | undefined
  readonly enabled?: boolean | null | undefined
  readonly baseUrl?: string | null | undefined
  readonly apiKey?: string | null | undefined
  readonly headers?: unknown
  readonly models?: readonly Optional<ModelConfig>[] | null | undefined
  readonly accounts?: readonly AccountInput[] | null | undefined
  readonly timeoutMs?: number | null | undefined
  readonly idleTimeoutMs?: number | null | undefined
  readonly maxRetries?: number | null | undefined
  readonly keepsConversations?: boolean | null | undefined
}

/** An account with the name of one that is there keeps what is left out. */
export interface AccountInput {
  readonly name?: string | null | undefined
  readonly baseUrl?: string | null | undefined
  readonly apiKey?: string | null | undefined
  readonly headers?: unknown
  readonly weight?: number | null | undefined
}

type Optional<Value> = { readonly [Key in keyof Value]?: Value[Key] | null | undefined }

/** A provider's fields as they are written in the configuration, defaults left out. */
export type ProviderValues = Partial<Omit<ProviderConfig, 'accounts'>> & {
  readonly accounts?: readonly Partial<AccountConfig>[]
}

/** A provider is configuration, no data: a long list of models has room. */
const maxBytes = 65_536

/** The values with the input's changes; nothing in them is checked yet. */
export function mergeInput(values: ProviderValues, { accounts, models, ...fields }: ProviderInput): ProviderValues {
  return mergeFields(values, {
    ...fields,
    models: models === null ? null : models?.map((model) => mergeFields({}, model)),
    accounts: accounts === null ? null : accounts?.map((account) => mergeAccount(values.accounts, account)),
  })
}

function mergeAccount(known: ProviderValues['accounts'], account: AccountInput): object {
  const same = account.name ? known?.find(({ name }) => name === account.name) : undefined
  return mergeFields(same ?? {}, account)
}

/** What is undefined stays, what is null goes. */
function mergeFields(values: object, changes: object): object {
  const given = Object.entries(changes).filter(([, value]) => value !== undefined)
  return Object.fromEntries(
    Object.entries({ ...values, ...Object.fromEntries(given) }).filter(([, value]) => value !== null),
  )
}

/**
 * The values, complete, as the configuration would have them. Throws BAD_USER_INPUT on the field at fault, such as
 * `baseUrl` or `accounts.0.apiKey`; `idField` is what the input calls the id.
 */
export function parseValues(values: ProviderValues, kinds: readonly string[], idField: string): ProviderConfig {
  const parsed = providerSchema.safeParse(values)
  const [issue] = parsed.error?.issues ?? []
  if (!parsed.success || issue) {
    if (!issue) throw badInput('input', 'cannot be used.')
    const [first, ...rest] = pathOf(issue)
    const field = first === 'id' ? idField : [first ?? 'input', ...rest].join('.')
    throw badInput(field, `${messageOfIssue(providerSchema, issue, values)}.`)
  }
  cleanJsonObject('input', values, maxBytes)
  const config = parsed.data
  if (!kinds.includes(config.kind)) throw badInput('kind', `expected one of ${kinds.join(', ')}.`)
  const [repeated] = repeatedNames(config.accounts)
  if (repeated !== undefined) throw badInput(`accounts.${repeated}.name`, 'another account has this name.')
  for (const { field, address } of addressesOf(config)) requirePlainUrl(field, address)
  return config
}

/** Every address of the provider, with the field that holds it. */
function addressesOf({ baseUrl, accounts = [] }: Pick<ProviderConfig, 'baseUrl' | 'accounts'>) {
  const fields = [
    { field: 'baseUrl', address: baseUrl },
    ...accounts.map((account, index) => ({ field: `accounts.${index}.baseUrl`, address: account.baseUrl })),
  ]
  return fields.flatMap(({ field, address }) => (address === undefined ? [] : [{ field, address }]))
}

/**
 * Throws BAD_USER_INPUT on the first address that by its own words is one that must not be reached. Names are looked up
 * when they are connected to.
 */
export function requireOutwardUrls(
  config: Pick<ProviderConfig, 'baseUrl' | 'accounts'>,
  outbound: OutboundGuard,
): void {
  for (const { field, address } of addressesOf(config)) {
    try {
      outbound.check(new URL(address))
    } catch (error) {
      throw error instanceof OutboundRefusal ? badInput(field, error.message) : error
    }
  }
}

/** Addresses are not encrypted and can be read: nothing in them may be a secret. */
function requirePlainUrl(field: string, address: string): void {
  const { username, password, search, hash } = new URL(address)
  if (`${username}${password}${search}${hash}` !== '')
    throw badInput(
      field,
      'expected a URL without user, password, query and fragment; what is secret goes into headers.',
    )
}

/** Whether a provider can have this id at all. */
export function isProviderId(id: string): boolean {
  return providerSchema.shape.id.safeParse(id).success
}
