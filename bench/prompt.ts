/** What the upstream is asked for. It goes there as the text of the last user message. */
export interface Prompt {
  readonly tokens: number
  /**
   * Tokens a second; or `saturate`: as fast as they are taken; or `granted`: one write a token, and no more tokens than
   * were granted on the upstream's grant port.
   */
  readonly pace: number | 'saturate' | 'granted'
}

/** Every token is a space and four letters, so that tokens can be counted by length. */
export const tokenLength = 5

export const modelName = 'bench'

export function formatPrompt(prompt: Prompt): string {
  return JSON.stringify(prompt)
}

export function parsePrompt(text: string): Prompt {
  return JSON.parse(text) as Prompt
}
