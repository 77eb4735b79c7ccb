import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto'
import { parseEncryptionKey } from './encryption.ts'

/** Signs short texts that leave the server and come back to it. */
export interface Signer {
  /** Fit for a URL. */
  sign(text: string): string
  isSigned(text: string, signature: string): boolean
}

/**
 * A signer for one purpose. Without an encryption key it has a key of its own, which no other instance knows, and which
 * is gone with the process.
 */
export function createSigner(encryptionKey: string | undefined, purpose: string): Signer {
  const secret = (encryptionKey === undefined ? null : parseEncryptionKey(encryptionKey)) ?? randomBytes(32)
  const key = Buffer.from(hkdfSync('sha256', secret, '', `parley ${purpose}`, 32))
  const digest = (text: string) => createHmac('sha256', key).update(text).digest()
  return {
    sign: (text) => digest(text).toString('base64url'),
    isSigned(text, signature) {
      const given = Buffer.from(signature, 'base64url')
      const expected = digest(text)
      return given.length === expected.length && timingSafeEqual(given, expected)
    },
  }
}
