import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

/** What an encryption key is, and how one is made, in words that follow "expected". */
export const encryptionKeyWords = '32 bytes in base64 or hex, as `openssl rand -base64 32` writes them'

const keyBytes = 32
/** What GCM is specified for (NIST SP 800-38D): random ones stay apart for 2³² texts. */
const ivBytes = 12
const tagBytes = 16
/** The first part of every encrypted text: AES-256-GCM, the IV before the ciphertext, the tag behind it. */
const version = 'v1'

/** Keeps texts from who has no key. */
export interface Cipher {
  /** The same text gives another result each time. It can be decrypted with the same `place` only. */
  encrypt(text: string, place: string): string
  /** Throws where the text was encrypted with another key or for another place, or was changed. */
  decrypt(encrypted: string, place: string): string
}

/** The key's bytes; null where the text is none: see `encryptionKeyWords`. */
export function parseEncryptionKey(text: string): Buffer | null {
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, 'hex')
  // 32 bytes are 43 digits and one `=`, which may be left out.
  if (!/^[\w+/-]{43}=?$/.test(text)) return null
  const key = Buffer.from(text, 'base64')
  return key.length === keyBytes ? key : null
}

/** Throws where the key is none. */
export function createCipher(encryptionKey: string): Cipher {
  const key = parseEncryptionKey(encryptionKey)
  if (key === null) throw new Error(`an encryption key must be ${encryptionKeyWords}`)
  return {
    encrypt(text, place) {
      const iv = randomBytes(ivBytes)
      const cipher = createCipheriv('aes-256-gcm', key, iv, { authTagLength: tagBytes }).setAAD(Buffer.from(place))
      const encrypted = Buffer.concat([iv, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()])
      return `${version}.${encrypted.toString('base64')}`
    },
    decrypt(encrypted, place) {
      const [written, payload = ''] = encrypted.split('.', 2)
      const bytes = Buffer.from(payload, 'base64')
      if (written !== version || bytes.length < ivBytes + tagBytes) throw new Error('it was not encrypted here')
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, ivBytes), { authTagLength: tagBytes })
      decipher.setAAD(Buffer.from(place)).setAuthTag(bytes.subarray(-tagBytes))
      return Buffer.concat([decipher.update(bytes.subarray(ivBytes, -tagBytes)), decipher.final()]).toString('utf8')
    },
  }
}
