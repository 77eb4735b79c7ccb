import { parseNetwork } from '../networks.ts'
import { makeSecret, weaknessOf } from '../weak-secrets.ts'
import { type Path, valueAt } from './path.ts'

type Report = (path: Path, message: string, example: unknown) => void

/** What the mode that is on needs of the section `auth`. `describe` says where a key's value comes from. */
export function checkAuth(values: unknown, describe: (path: Path) => string, report: Report): void {
  const mode = valueAt(values, ['auth', 'mode'])
  if (mode === 'jwt') checkJwt(values, describe, report)
  if (mode === 'proxy') checkProxy(values, report)
}

const secretPath = ['auth', 'jwt', 'secret']
const jwksUrlPath = ['auth', 'jwt', 'jwksUrl']

function checkJwt(values: unknown, describe: (path: Path) => string, report: Report): void {
  const secret = valueAt(values, secretPath)
  const jwksUrl = valueAt(values, jwksUrlPath)
  if (secret === undefined && jwksUrl === undefined) {
    const message = 'missing; mode `jwt` needs the secret that tokens are signed with, or auth.jwt.jwksUrl'
    report(secretPath, message, undefined)
  }
  if (secret !== undefined && jwksUrl !== undefined) {
    const other = describe(secretPath)
    report(jwksUrlPath, `excludes auth.jwt.secret, which is set too (${other}); remove one of them`, undefined)
  }
  const weakness = typeof secret === 'string' ? weaknessOf(secret) : null
  if (weakness !== null) report(secretPath, `${weakness}; make one with: ${makeSecret}`, undefined)
  for (const [claim, words, example] of pinnedClaims) {
    if (valueAt(values, ['auth', 'jwt', claim]) !== undefined) continue
    report(['auth', 'jwt', claim], `missing; mode \`jwt\` needs ${words}, or * for any`, example)
  }
  checkAlgorithms(valueAt(values, ['auth', 'jwt', 'algorithms']), jwksUrl !== undefined, report)
}

const pinnedClaims = [
  ['issuer', 'the `iss` of good tokens; of Better Auth it is its base URL', 'https://login.example.com'],
  ['audience', 'the `aud` of good tokens; of Better Auth it is its base URL', 'https://login.example.com'],
] as const

/** With both kinds, a token that is signed with a public key as if it were a secret could be taken for a good one. */
function checkAlgorithms(algorithms: unknown, isKeySet: boolean, report: Report): void {
  if (!Array.isArray(algorithms)) return
  for (const [index, algorithm] of algorithms.entries()) {
    const isForSecret = typeof algorithm === 'string' && algorithm.startsWith('HS')
    if (isForSecret !== isKeySet) continue
    const message = isKeySet
      ? 'is for a secret, and not for the keys of a key set'
      : 'is for a key set, and not for a secret'
    report(['auth', 'jwt', 'algorithms', index], message, isKeySet ? 'EdDSA' : 'HS256')
  }
}

function checkProxy(values: unknown, report: Report): void {
  const addresses = valueAt(values, ['auth', 'proxy', 'trustedAddresses'])
  if (!Array.isArray(addresses)) return
  for (const [index, address] of addresses.entries()) {
    if (typeof address !== 'string' || address === '' || parseNetwork(address) !== null) continue
    const path = ['auth', 'proxy', 'trustedAddresses', index]
    report(path, 'expected an IP address, or a network such as 10.1.0.0/16 that is not all of them', '127.0.0.1')
  }
}
