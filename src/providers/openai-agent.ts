import { isJsonObject } from '../platform/json.ts'
import { sanitizeText } from '../platform/text.ts'
import type { ProviderStateChanged } from './model-event.ts'
import type { ChatChunk } from './openai-chunk.ts'
import { ProviderError } from './provider-error.ts'
import { scrub } from './scrub.ts'

const maxIdLength = 1_024

/** What an agent behind a Chat Completions API says of itself: where it keeps the conversation, and how it fares. */
export class AgentReader {
  isInterrupted = false
  failure: ProviderError | undefined
  #conversationId: string | null
  readonly #secrets: readonly string[]

  /** `conversationId`: the one that the request named. */
  constructor(conversationId: string | null, secrets: readonly string[]) {
    this.#conversationId = conversationId
    this.#secrets = secrets
  }

  take({ conversation_id: id, agent_status: status, agent_error, error }: ChatChunk): ProviderStateChanged | null {
    if (status === 'interrupted') this.isInterrupted = true
    if (status === 'failed') this.failure = this.#toError(agent_error ?? error)
    if (typeof id !== 'string' || id === '' || id === this.#conversationId || id.length > maxIdLength) return null
    this.#conversationId = id
    return { type: 'provider-state-changed', state: { conversation_id: sanitizeText(id) } }
  }

  /** It may have done half of its work, so that nothing is tried again by itself. */
  #toError(error: unknown): ProviderError {
    const said = isJsonObject(error) ? error.message : error
    const words = typeof said === 'string' ? scrub(said, this.#secrets) : ''
    const detail = words === '' ? '' : ` It says: ${words}`
    return new ProviderError('PROVIDER_ERROR', `The agent failed.${detail}`, { retryable: false })
  }
}
