import { createHash, randomBytes } from 'node:crypto'

/** A new token of 256 random bits in base64url, after `prefix`. */
export function newOpaqueToken(prefix: string): string {
  return `${prefix}${randomBytes(32).toString('base64url')}`
}

/** What is stored of it: SHA-256 in hex. A token of 256 random bits cannot be guessed from it, so no salt is needed. */
export function hashOpaqueToken(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}

/** Whether it is what `newOpaqueToken` makes. */
export function isOpaqueToken(prefix: string, text: string): boolean {
  return text.startsWith(prefix) && /^[\w-]{43}$/.test(text.slice(prefix.length))
}
