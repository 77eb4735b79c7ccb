import type { Part } from '@google/genai'
import { readGeminiRequest } from './gemini-request.ts'
import {
  type ReceivedRequest,
  type TokenCounts,
  vectorOf,
  type Wire,
  type WireAnswer,
  type WireToolCall,
} from './wire.ts'

// Google's Gemini API.

interface EmbedBody {
  readonly requests: readonly { readonly content: { readonly parts: readonly { readonly text: string }[] } }[]
}

/** A page of the list of models holds no more, so that who reads the first page alone is found out. */
const pageSize = 2

export const gemini: Wire = {
  kind: 'gemini',
  contentType: 'text/event-stream',
  basePath: '',
  reasons: { stop: 'STOP', length: 'MAX_TOKENS', 'tool-calls': 'STOP', 'content-filter': 'SAFETY' },
  counts: { reasoning: true, cached: true },
  refusals: {
    badKey: {
      status: 400,
      error: {
        code: 400,
        message: 'API key not valid. Please pass a valid API key.',
        status: 'INVALID_ARGUMENT',
        details: [
          { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'API_KEY_INVALID', domain: 'googleapis.com' },
        ],
      },
    },
    rateLimited: {
      status: 429,
      error: { code: 429, message: 'Resource has been exhausted (e.g. check quota).', status: 'RESOURCE_EXHAUSTED' },
    },
    quotaSpent: {
      status: 429,
      error: {
        code: 429,
        message: 'You exceeded your current quota, please check your plan and billing details.',
        status: 'RESOURCE_EXHAUSTED',
        details: [
          {
            '@type': 'type.googleapis.com/google.rpc.QuotaFailure',
            violations: [
              {
                quotaMetric: 'generativelanguage.googleapis.com/generate_content_free_tier_requests',
                quotaId: 'GenerateRequestsPerDayPerProjectPerModel-FreeTier',
                quotaValue: '50',
              },
            ],
          },
        ],
      },
    },
    contextOverflow: {
      status: 400,
      error: {
        code: 400,
        message: 'The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).',
        status: 'INVALID_ARGUMENT',
      },
    },
    serverError: { status: 500, error: { code: 500, message: 'An internal error has occurred.', status: 'INTERNAL' } },
    unavailable: {
      status: 503,
      error: { code: 503, message: 'The service is currently unavailable.', status: 'UNAVAILABLE' },
    },
    overloaded: {
      status: 529,
      error: { code: 503, message: 'The model is overloaded. Please try again later.', status: 'UNAVAILABLE' },
    },
  },
  isAnswerPath: (path) => /^\/v1beta\/models\/[^/]+:streamGenerateContent\?alt=sse$/.test(path),
  lookUp,
  read: readGeminiRequest,
  refusalBody: (error) => ({ error }),
  usage: ({ inputTokens, outputTokens, reasoningTokens, cachedInputTokens }: TokenCounts) => ({
    promptTokenCount: inputTokens,
    candidatesTokenCount: outputTokens - reasoningTokens,
    totalTokenCount: inputTokens + outputTokens,
    thoughtsTokenCount: reasoningTokens,
    cachedContentTokenCount: cachedInputTokens,
  }),
  frame,
  begin: (model) => new GeminiAnswer(model),
}

function frame(payload: string): string {
  return `data: ${payload}\r\n\r\n`
}

function lookUp({ method, path, body }: ReceivedRequest, models: readonly string[]): object | undefined {
  const { pathname, searchParams } = new URL(path, 'http://localhost')
  if (method === 'POST' && /:batchEmbedContents$/.test(pathname)) {
    const texts = (body as EmbedBody).requests.map(({ content }) => content.parts.map(({ text }) => text).join(''))
    return { embeddings: texts.map((text) => ({ values: vectorOf(text) })) }
  }
  if (method !== 'GET' || pathname !== '/v1beta/models') return undefined
  const start = Number(searchParams.get('pageToken') ?? 0)
  const page = models.slice(start, start + pageSize).map((name) => ({
    name: `models/${name}`,
    displayName: name,
    inputTokenLimit: 1_048_576,
    supportedGenerationMethods: ['generateContent', 'countTokens'],
  }))
  return { models: page, ...(start + pageSize < models.length ? { nextPageToken: String(start + pageSize) } : {}) }
}

class GeminiAnswer implements WireAnswer {
  readonly wantedBack: string[] = []
  readonly #model: string

  constructor(model: string) {
    this.#model = model
  }

  text(text: string): string {
    return this.#chunk([{ text }])
  }

  reasoning(text: string): string {
    return this.#chunk([{ text, thought: true }])
  }

  /** Whole, as Gemini sends it; without an id where the test gives none. */
  toolCall({ id, name, arguments: text }: WireToolCall): readonly string[] {
    const args = text === '' ? {} : { args: JSON.parse(text) }
    return [
      this.#chunk([{ functionCall: { ...(id === '' ? {} : { id }), name, ...args }, thoughtSignature: this.#sign() }]),
    ]
  }

  /** The text's signature comes in a part of its own. */
  finish(finishReason: string, usageMetadata: object | null): readonly string[] {
    const parts = [{ text: '', thoughtSignature: this.#sign() }]
    return [this.#chunk(parts, { finishReason }, usageMetadata === null ? {} : { usageMetadata })]
  }

  error(error: object): string {
    return frame(JSON.stringify({ error }))
  }

  #sign(): string {
    const signature = Buffer.from(crypto.randomUUID()).toString('base64')
    this.wantedBack.push(signature)
    return signature
  }

  #chunk(parts: readonly Part[], candidate: object = {}, fields: object = {}): string {
    const candidates = [{ content: { parts, role: 'model' }, ...candidate, index: 0 }]
    return frame(JSON.stringify({ candidates, ...fields, modelVersion: this.#model, responseId: 'scripted' }))
  }
}
