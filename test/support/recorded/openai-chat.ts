import { type Json, joined, type RecordedApi, sum } from './recorded.ts'

const reasons = { stop: 'stop', length: 'length', tool_calls: 'tool-calls', content_filter: 'content-filter' } as const

export const recordedChat: RecordedApi = {
  folder: 'openai-chat',
  kind: 'openai',
  terminator: 'data: [DONE]\n\n',
  frame: (payload) => `data: ${payload}\n\n`,
  read(chunks) {
    const deltas = deltasOf(chunks)
    const rawReason: keyof typeof reasons | undefined = chunks
      .map((chunk) => chunk.choices[0]?.finish_reason)
      .findLast(Boolean)
    const usage = chunks.map((chunk) => chunk.usage).findLast(Boolean)
    return {
      text: joined(deltas.map((delta) => delta.content)),
      reasoning: joined(deltas.map((delta) => delta.reasoning_content)),
      toolCalls: callsOf(chunks),
      finish: rawReason === undefined ? null : { reason: reasons[rawReason], rawReason },
      usage: usage
        ? {
            inputTokens: usage.prompt_tokens,
            // All that is not input: some count the reasoning in the completion, some beside it.
            outputTokens: usage.total_tokens - usage.prompt_tokens,
            reasoningTokens: sum(usage.completion_tokens_details?.reasoning_tokens),
            cachedInputTokens: sum(usage.prompt_tokens_details?.cached_tokens),
          }
        : null,
      error: null,
    }
  },
  turnOf(chunks) {
    const content = joined(deltasOf(chunks).map((delta) => delta.content))
    return [{ content, calls: callsOf(chunks) }]
  },
  turnsIn: (body) =>
    body.messages
      .filter((message: Json) => message.role === 'assistant')
      .map(({ content, tool_calls = [] }: Json) => ({
        content: content ?? '',
        calls: tool_calls.map((call: Json) => ({ id: call.id, ...call.function })),
      })),
}

function deltasOf(chunks: readonly Json[]): readonly Json[] {
  return chunks.flatMap((chunk) => chunk.choices.map((choice: Json) => choice.delta))
}

function callsOf(chunks: readonly Json[]) {
  const pieces = deltasOf(chunks).flatMap((delta) => delta.tool_calls ?? [])
  return [...new Set(pieces.map(({ index }) => index))].map((index) => {
    const own = pieces.filter((piece) => piece.index === index)
    return {
      id: own.find(({ id }) => id).id,
      name: own.find((piece) => piece.function.name).function.name,
      arguments: joined(own.map((piece) => piece.function.arguments)),
    }
  })
}
