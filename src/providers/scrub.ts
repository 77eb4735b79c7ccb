const maxLength = 300

/** What must not be shown to users, in the order in which it is taken out. */
const hidden: readonly { readonly pattern: RegExp; readonly replacement: string }[] = [
  { pattern: /\b[a-z][a-z0-9+.-]*:\/\/[^\s'"<>)]+/gi, replacement: '[hidden]' },
  { pattern: /\bbearer\s+\S+/gi, replacement: '[hidden]' },
  { pattern: /\b(?:sk|pk|rk|gsk|xai|key|api|org|proj)[-_][\w*.-]{4,}/gi, replacement: '[hidden]' },
  { pattern: /\bAIza[\w*-]{10,}/g, replacement: '[hidden]' },
  // Letters and digits in one long word: no sentence holds that, keys and hashes do.
  { pattern: /\b(?=[\w*-]*\d)(?=[\w*-]*[a-z])[\w*-]{32,}/gi, replacement: '[hidden]' },
  { pattern: /\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b/g, replacement: '[hidden]' },
  { pattern: /\b(?:[a-z0-9-]+\.)+[a-z0-9-]+:\d{2,5}\b|\blocalhost(?::\d+)?\b/gi, replacement: '[hidden]' },
]

/** A provider's own words without keys, addresses and mark-up, on one line and not long. */
export function scrub(text: string, secrets: readonly string[]): string {
  let words = text.slice(0, 4 * maxLength)
  if (/<(?:!doctype|html|body|head)\b/i.test(words)) return ''
  for (const secret of secrets) words = words.replaceAll(secret, '[hidden]')
  for (const { pattern, replacement } of hidden) words = words.replace(pattern, replacement)
  words = words.replace(/\s+/g, ' ').trim().toWellFormed().replaceAll('\0', '')
  return words.length > maxLength ? `${words.slice(0, maxLength).toWellFormed()}…` : words
}
