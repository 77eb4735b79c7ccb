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

/** The model that asks for three tools before it answers, and what they do. */
export const toolsModelName = 'bench-tools'
export const toolName = 'wait'
export const toolCalls = 3
export const toolMs = 200

export function formatPrompt(prompt: Prompt): string {
  return JSON.stringify(prompt)
}

export function parsePrompt(text: string): Prompt {
  return JSON.parse(text) as Prompt
}
