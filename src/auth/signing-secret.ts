import { StartError } from '../platform/errors.ts'
import { makeSecret, weaknessOf } from '../platform/weak-secrets.ts'

/**
 * The secret that tokens are signed with. Throws a `StartError` that names `key` and says how to make a good one, where
 * the secret is missing or others could guess it.
 */
export function requireSigningSecret(secret: string | undefined, key: string): string {
  const problem = secret === undefined ? 'is needed in this auth mode' : weaknessOf(secret)
  if (secret !== undefined && problem === null) return secret
  throw new StartError(`${key} ${problem}. Make one with: ${makeSecret}`)
}
