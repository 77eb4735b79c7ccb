/** What signs tokens must hold at least. */
const minBytes = 32

/** What guides and examples have where a secret belongs; compared in lower case, anywhere in the secret. */
const knownWords = [
  'change-me',
  'change_me',
  'changeme',
  'change-this',
  'change_this',
  'change this',
  'changethis',
  'better-auth',
  'betterauth',
  'supersecure',
  'placeholder',
  'production',
  'development',
  '0123456789',
  '1234567890',
  'abcdefghij',
  'characters',
  'password',
  'insecure',
  'example',
  'default',
  'replace',
  'minimum',
  'secret',
  'random',
  'string',
  'parley',
  'super',
  'dummy',
  'your-',
  'your_',
  'long',
  'least',
  'todo',
  'test',
  'jwt',
  'key',
]

/**
 * What is wrong with a secret that signs tokens, in words that can follow its name and do not hold it; null where
 * nothing is. It is no measure of strength: it knows what people leave in place.
 */
export function weaknessOf(secret: string): string | null {
  if (Buffer.byteLength(secret) < minBytes) return `must be at least ${minBytes} bytes long`
  return isGuessable(secret.toLowerCase()) ? 'must be random, and is a text that others could guess' : null
}

/** The command that makes a good one. */
export const makeSecret = 'openssl rand -base64 48'

/** A text made of words or repetitions; 32 random bytes in base64 or hex are none of it. */
function isGuessable(text: string): boolean {
  const rest = knownWords.reduce((left, word) => left.replaceAll(word, ''), text)
  // A random text that holds a short word by chance is left long enough.
  if (rest.length < text.length && rest.length < 24) return true
  if (new Set(text).size < 8) return true
  return /^(.{1,16}?)\1+.{0,16}$/s.test(text)
}
