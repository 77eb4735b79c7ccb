/** What one model can and insists on, as far as requests depend on it. */
export interface ModelTraits {
  /** Output tokens that are asked for where the caller sets no limit: the most that the model gives. */
  readonly maxOutputTokens: number
  /**
   * How the model is told to think: `budget` takes a number of tokens, `adaptive` an effort, `none` does not think.
   */
  readonly thinking: 'none' | 'budget' | 'adaptive'
  /** Whether it thinks where a request says nothing of it. */
  readonly thinksByDefault: boolean
  /** How it is told not to think; null where it always does. `omit`: a request that says nothing. */
  readonly thinkingOff: 'omit' | 'disabled' | 'between_tools' | null
  /** The efforts that an `adaptive` model takes. */
  readonly efforts: readonly string[]
  /** Whether a temperature other than 1 is taken. */
  readonly takesTemperature: boolean
  /** Whether a tool can be forced at all; where it can, then only without thinking. */
  readonly takesForcedTools: boolean
  /**
   * Whether a thinking block counts only after the very same system prompt, tools and messages
   * (https://platform.claude.com/docs/en/build-with-claude/preserved-thinking).
   */
  readonly bindsThinking: boolean
}

/** A model that nobody has heard of: another server's, mostly. */
const unknown: ModelTraits = {
  maxOutputTokens: 8_192,
  thinking: 'budget',
  thinksByDefault: false,
  thinkingOff: 'omit',
  efforts: [],
  takesTemperature: true,
  takesForcedTools: true,
  bindsThinking: false,
}

const claude4: ModelTraits = { ...unknown, maxOutputTokens: 64_000 }
const claude46: ModelTraits = { ...claude4, thinking: 'adaptive', efforts: ['low', 'medium', 'high', 'max'] }
const claude47: ModelTraits = {
  ...claude46,
  maxOutputTokens: 128_000,
  efforts: ['low', 'medium', 'high', 'xhigh', 'max'],
  takesTemperature: false,
}
const claude5: ModelTraits = { ...claude47, thinksByDefault: true, thinkingOff: 'disabled' }
const claude55: ModelTraits = { ...claude5, bindsThinking: true }

/** First match wins; lines and versions from https://platform.claude.com/docs/en/about-claude/models/overview. */
const rules: readonly { matches(line: string, version: number): boolean; readonly traits: ModelTraits }[] = [
  {
    matches: (line, version) => (line === 'fable' || line === 'mythos') && version <= 5,
    traits: { ...claude5, thinkingOff: null, takesForcedTools: false },
  },
  {
    matches: (line, version) => line === 'fable' || line === 'mythos' || (line === 'opus' && version >= 5.5),
    traits: { ...claude55, thinkingOff: null, takesForcedTools: false },
  },
  {
    matches: (line, version) => line === 'sonnet' && version >= 5.5,
    traits: { ...claude55, thinkingOff: 'between_tools', takesForcedTools: false },
  },
  { matches: (_, version) => version >= 5.5, traits: claude55 },
  { matches: (_, version) => version >= 5, traits: claude5 },
  { matches: (_, version) => version >= 4.7, traits: claude47 },
  { matches: (line, version) => line === 'opus' && version >= 4.6, traits: { ...claude46, maxOutputTokens: 128_000 } },
  { matches: (_, version) => version >= 4.6, traits: claude46 },
  {
    matches: (line, version) => line === 'opus' && version >= 4 && version < 4.5,
    traits: { ...claude4, maxOutputTokens: 32_000 },
  },
  { matches: (_, version) => version >= 3.7, traits: claude4 },
  { matches: (_, version) => version >= 3.5, traits: { ...unknown, thinking: 'none' } },
  { matches: (_, version) => version >= 1, traits: { ...unknown, thinking: 'none', maxOutputTokens: 4_096 } },
]

/** What is known of a model by its name: `claude-sonnet-4-5-20250929`, `claude-3-5-haiku-latest`, `claude-fable-5`. */
export function traitsOf(model: string): ModelTraits {
  const line = /claude-[\w.-]*?(opus|sonnet|haiku|fable|mythos)/.exec(model)?.[1] ?? ''
  // Versions have one or two digits, dates eight.
  const [, major, minor = '0'] = /claude-(?:[a-z]+-)?(\d{1,2})(?!\d)(?:[-.](\d{1,2})(?!\d))?/.exec(model) ?? []
  const version = major === undefined ? 0 : Number(major) + Math.min(Number(minor), 9) / 10
  return rules.find(({ matches }) => matches(line, version))?.traits ?? unknown
}
