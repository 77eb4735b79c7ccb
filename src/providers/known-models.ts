// Context windows that some APIs tell nobody, in tokens, as their vendors document them. First match wins.

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

/** The model's context window; null where it is not known. A vendor before the name, as in `openai/gpt-4o`, is no matter. */
export function knownContextWindow(name: string): number | null {
  const model = name.slice(name.lastIndexOf('/') + 1)
  return windows.find(([pattern]) => pattern.test(model))?.[1] ?? null
}
