import { type Json, joined, type RecordedApi, sum } from './recorded.ts'

const reasons = {
  end_turn: 'stop',
  max_tokens: 'length',
  tool_use: 'tool-calls',
  refusal: 'content-filter',
} as const

export const recordedAnthropic: RecordedApi = {
  folder: 'anthropic',
  kind: 'anthropic',
  terminator: '',
  frame: (payload) => `event: ${JSON.parse(payload).type}\ndata: ${payload}\n\n`,
  read(events) {
    const deltas = events.filter(({ type }) => type === 'content_block_delta').map(({ delta }) => delta)
    const end = events.find(({ type }) => type === 'message_delta')
    const rawReason: keyof typeof reasons | undefined = end?.delta.stop_reason
    const started = events.find(({ type }) => type === 'message_start')?.message.usage
    const usage = { ...started, ...end?.usage }
    return {
      text: joined(deltas.map(({ text }) => text)),
      reasoning: joined(deltas.map(({ thinking }) => thinking)),
      toolCalls: wholeBlocks(events)
        .filter(({ type }) => type === 'tool_use')
        .map(({ id, name, input }) => ({ id, name, arguments: JSON.stringify(input) })),
      finish: rawReason === undefined ? null : { reason: reasons[rawReason], rawReason },
      usage: started
        ? {
            inputTokens: sum(usage.input_tokens, usage.cache_creation_input_tokens, usage.cache_read_input_tokens),
            outputTokens: usage.output_tokens,
            reasoningTokens: sum(usage.output_tokens_details?.thinking_tokens),
            cachedInputTokens: sum(usage.cache_read_input_tokens),
          }
        : null,
      error: null,
    }
  },
  turnOf: wholeBlocks,
  turnsIn: (body) =>
    body.messages
      .filter((message: Json) => message.role === 'assistant')
      .flatMap((message: Json) => message.content)
      .map(({ cache_control, ...block }: Json) => block),
}

/** The blocks that ended, as they are sent back. */
function wholeBlocks(events: readonly Json[]): readonly Json[] {
  const starts = events.filter(({ type }) => type === 'content_block_start')
  const ended = (index: number) => events.some((event) => event.type === 'content_block_stop' && event.index === index)
  return starts
    .filter(({ index }) => ended(index))
    .map(({ index, content_block: block }) => {
      const deltas = events.filter((event) => event.delta && event.index === index).map(({ delta }) => delta)
      const all = (field: string) => joined(deltas.map((delta) => delta[field]))
      if (block.type === 'text') return { ...block, text: block.text + all('text') }
      if (block.type === 'thinking') return { ...block, thinking: all('thinking'), signature: all('signature') }
      return { ...block, input: JSON.parse(all('partial_json') || '{}') }
    })
}
