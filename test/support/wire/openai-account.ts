import type { OpenAI } from 'openai'
import { type ReceivedRequest, type Refusals, vectorOf } from './wire.ts'

// What OpenAI's two APIs share.

export const openaiRefusals: Refusals = {
  badKey: {
    status: 401,
    error: { message: 'Incorrect API key provided.', type: 'invalid_request_error', code: 'invalid_api_key' },
  },
  rateLimited: {
    status: 429,
    error: { message: 'Rate limit reached for requests.', type: 'requests', code: 'rate_limit_exceeded' },
  },
  quotaSpent: {
    status: 429,
    error: {
      message: 'You exceeded your current quota, please check your plan and billing details.',
      type: 'insufficient_quota',
      code: 'insufficient_quota',
    },
  },
  contextOverflow: {
    status: 400,
    error: {
      message: "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
      type: 'invalid_request_error',
      param: 'messages',
      code: 'context_length_exceeded',
    },
  },
  serverError: {
    status: 500,
    error: { message: 'The server had an error while processing your request.', type: 'server_error', code: null },
  },
  unavailable: {
    status: 503,
    error: { message: 'The engine is currently overloaded, please try again later.', type: 'server_error', code: null },
  },
  overloaded: {
    status: 529,
    error: { message: 'Overloaded', type: 'overloaded_error', code: null },
  },
}

/** The list of models, and embeddings. */
export function lookUpOpenAI({ method, path, body }: ReceivedRequest, models: readonly string[]): object | undefined {
  if (method === 'GET' && path === '/v1/models')
    return { object: 'list', data: models.map((id) => ({ id, object: 'model', created: 0, owned_by: 'scripted' })) }
  if (method !== 'POST' || path !== '/v1/embeddings') return undefined
  const { model, input } = body as OpenAI.EmbeddingCreateParams
  const texts = [input].flat().map(String)
  const tokens = texts.join(' ').split(' ').length
  return {
    object: 'list',
    data: texts.map((text, index) => ({ object: 'embedding', index, embedding: vectorOf(text) })),
    model,
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  }
}

/** An image as both are given it. */
export function dataUrl(url: string): { mediaType: string; data: string } {
  const [, mediaType = '', data = ''] = /^data:([^;]+);base64,(.*)$/.exec(url) ?? []
  return { mediaType, data }
}
