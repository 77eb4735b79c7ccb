import { type Json, joined, type RecordedApi } from './recorded.ts'

export const recordedResponses: RecordedApi = {
  folder: 'openai-responses',
  kind: 'openai-responses',
  terminator: '',
  frame: (payload) => `event: ${JSON.parse(payload).type}\ndata: ${payload}\n\n`,
  read(events) {
    const deltas = (type: string) => joined(events.filter((event) => event.type === type).map(({ delta }) => delta))
    const end = events.find(({ type }) => type === 'response.completed' || type === 'response.incomplete')?.response
    const toolCalls = itemsOf(events)
      .filter(({ type }) => type === 'function_call')
      .map((item) => ({ id: item.call_id, name: item.name, arguments: item.arguments }))
    return {
      text: deltas('response.output_text.delta'),
      reasoning: deltas('response.reasoning_summary_text.delta'),
      toolCalls,
      finish: end ? { reason: toolCalls.length > 0 ? 'tool-calls' : 'stop', rawReason: end.status } : null,
      usage: end
        ? {
            inputTokens: end.usage.input_tokens,
            outputTokens: end.usage.output_tokens,
            reasoningTokens: end.usage.output_tokens_details.reasoning_tokens,
            cachedInputTokens: end.usage.input_tokens_details.cached_tokens,
          }
        : null,
      error: events.find(({ type }) => type === 'error')?.error.code ?? null,
    }
  },
  turnOf: (events) => itemsOf(events).flatMap(essence),
  turnsIn: (body) => body.input.flatMap(essence),
}

/** The items as they ended: what they began with is not whole. */
function itemsOf(events: readonly Json[]): readonly Json[] {
  return events.filter(({ type }) => type === 'response.output_item.done').map(({ item }) => item)
}

/** What the API wants to see of an item of the model's again. */
function essence(item: Json): readonly unknown[] {
  if (item.type === 'reasoning') return [{ id: item.id, encrypted: item.encrypted_content, summary: item.summary }]
  if (item.type === 'function_call') return [{ call: item.call_id, name: item.name, arguments: item.arguments }]
  if (item.role === 'assistant') return [{ id: item.id, phase: item.phase }]
  return []
}
