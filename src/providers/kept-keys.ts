import { badInput } from '../platform/errors.ts'
import type { ProviderInput, ProviderValues } from './provider-input.ts'

/**
 * A key is for the address that it was given for: who may change a provider, but does not know its keys, must not get
 * them by pointing it elsewhere. Throws BAD_USER_INPUT on the first key that would be kept, where `after` names an
 * address, or a kind, that `before` does not. `isUnread`: there are keys, but they cannot be decrypted at the moment.
 */
export function requireKeysForNewAddress(
  before: ProviderValues,
  input: ProviderInput,
  { after, isUnread }: { readonly after: ProviderValues; readonly isUnread: boolean },
): void {
  const known = addressesOf(before)
  if (addressesOf(after).isSubsetOf(known)) return
  const field = isUnread ? unreadField(input) : keptKey(before, input)
  if (field) throw badInput(field, 'must be given again, or cleared, where the address or the kind changes.')
}

/** Where requests go; an account that names no address has the provider's. */
function addressesOf({ kind, baseUrl, accounts = [] }: ProviderValues): ReadonlySet<string> {
  const urls = [baseUrl, ...accounts.map((account) => account.baseUrl ?? baseUrl)]
  return new Set(urls.map((url) => `${kind} ${url ?? ''}`))
}

function keptKey(before: ProviderValues, input: ProviderInput): string | undefined {
  if (before.apiKey !== undefined && input.apiKey === undefined) return 'apiKey'
  if (before.headers !== undefined && input.headers === undefined) return 'headers'
  const own = before.accounts ?? []
  if (input.accounts === undefined) return own.some(({ apiKey, headers }) => apiKey ?? headers) ? 'accounts' : undefined
  for (const [index, account] of (input.accounts ?? []).entries()) {
    const same = account.name ? own.find(({ name }) => name === account.name) : undefined
    if (same?.apiKey !== undefined && account.apiKey === undefined) return `accounts.${index}.apiKey`
    if (same?.headers !== undefined && account.headers === undefined) return `accounts.${index}.headers`
  }
  return undefined
}

/** What cannot be read is kept unless any key is given. */
function unreadField({ apiKey, headers, accounts }: ProviderInput): string | undefined {
  return apiKey === undefined && headers === undefined && accounts === undefined ? 'apiKey' : undefined
}
