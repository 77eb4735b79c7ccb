// What some APIs tell nobody of their models, as their vendors document it.

/** Context windows, in tokens. First match wins. */
const windows: readonly (readonly [pattern: RegExp, tokens: number])[] = [
  [/^gpt-5.*-chat/, 128_000],
  [/^gpt-5/, 400_000],
  [/^gpt-4\.1/, 1_047_576],
  [/^(?:chat)?gpt-4o/, 128_000],
  [/^gpt-4-(?:turbo|\d{4}-preview)/, 128_000],
  [/^gpt-4-32k/, 32_768],
  [/^gpt-4(?:-\d{4})?$/, 8_192],
  [/^gpt-3\.5-turbo/, 16_385],
  [/^codex-mini/, 200_000],
  [/^o1-(?:mini|preview)/, 128_000],
  [/^o[134](?:-|$)/, 200_000],
  [/^deepseek-(?:chat|reasoner)$/, 128_000],
]

/** Models that read text alone. */
const blind: readonly RegExp[] = [
  /^gpt-3\.5/,
  /^gpt-4(?:-32k.*|-\d{4}(?:-preview)?|-turbo-preview)?$/,
  /^o1-(?:mini|preview)/,
  /^o3-mini/,
  /^claude-(?:2|instant)/,
  /^deepseek-(?:chat|reasoner)$/,
  /^gemma-3-1b/,
]

/** The model's context window; null where it is not known. A vendor before the name, as in `openai/gpt-4o`, is no matter. */
export function knownContextWindow(name: string): number | null {
  const model = ownNameOf(name)
  return windows.find(([pattern]) => pattern.test(model))?.[1] ?? null
}

/** False for a model that is known to be given text alone; null where nobody knows. */
export function knownToSeeImages(name: string): false | null {
  return blind.some((pattern) => pattern.test(ownNameOf(name))) ? false : null
}

function ownNameOf(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1)
}
