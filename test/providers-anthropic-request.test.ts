import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AssistantPart, Transcript } from '../src/chat/transcript.ts'
import type { JsonObject } from '../src/platform/json.ts'
import { type MessagesBody, toMessagesRequest } from '../src/providers/anthropic-request.ts'
import { checkOptions } from '../src/providers/anthropic-thinking.ts'
import type { GenerationOptions, ModelRequest } from '../src/providers/provider.ts'
import { noOptions, requestOf } from './support/provider-fixture.ts'
import { transcripts } from './support/transcripts.ts'

const budgeted = 'claude-sonnet-4-5'
const weather = { name: 'weather', description: 'Tells it.', inputSchema: { type: 'object' } }
const ephemeral = { type: 'ephemeral' }

const bodyOf = (message: string | Transcript, request: Partial<ModelRequest> = {}): MessagesBody =>
  toMessagesRequest(requestOf(message, { model: budgeted, ...request }), { providerId: 'anthropic' })
const withOptions = (options: Partial<GenerationOptions>) => ({ options: { ...noOptions, ...options } })

const signed = (text: string, signature: string, model = budgeted): AssistantPart => ({
  type: 'reasoning',
  text,
  providerData: { kind: 'anthropic', type: 'thinking', model, signature },
})
const said = (text: string): AssistantPart => ({ type: 'text', text, providerData: null })
const called = (id: string, name = 'weather', text = '{}'): AssistantPart => ({
  type: 'tool-call',
  id,
  name,
  arguments: text,
  providerData: null,
})
const answered = (...parts: readonly AssistantPart[]) => ({
  role: 'assistant' as const,
  providerId: 'anthropic',
  parts,
})
const result = (toolCallId: string, text = 'rain', isError = false) => ({
  role: 'tool' as const,
  toolCallId,
  text,
  isError,
})
const asked = (text: string) => ({ role: 'user' as const, text })

describe('whatever was said', () => {
  const own: readonly JsonObject[] = [
    { kind: 'anthropic', type: 'thinking', model: budgeted, signature: 'sig' },
    { kind: 'anthropic', type: 'thinking', model: 'claude-opus-4-5', signature: 'of another model' },
    { kind: 'anthropic', type: 'redacted_thinking', model: budgeted, data: 'opaque' },
    { kind: 'anthropic', type: 'text' },
    { kind: 'anthropic', type: 'text', citations: [{ type: 'web_search_result_location', url: 'https://a.example' }] },
    {
      kind: 'anthropic',
      type: 'server-tool',
      block: { type: 'server_tool_use', id: 's1', name: 'web_search', input: {} },
    },
    {
      kind: 'anthropic',
      type: 'server-tool',
      block: { type: 'web_search_tool_result', tool_use_id: 's1', content: [] },
    },
  ]
  const options = fc.record({
    temperature: fc.constantFrom(null, 0, 1),
    maxOutputTokens: fc.constantFrom(null, 1, 1024, 5000),
    toolChoice: fc.constantFrom(null, 'auto', 'none', 'required', 'weather'),
    reasoningEffort: fc.constantFrom(null, 'none', 'low', 'high', 'max'),
  })
  const models = fc.constantFrom(
    'claude-3-5-haiku-latest',
    budgeted,
    'claude-sonnet-4-6',
    'claude-opus-5',
    'claude-opus-5-5',
  )

  it('becomes a request that the API takes', () => {
    fc.assert(
      fc.property(
        transcripts({ providerId: 'anthropic', ownData: own }),
        options,
        models,
        fc.boolean(),
        (transcript, chosen, model, hasTools) => {
          const body = bodyOf(transcript, { model, options: chosen, tools: hasTools ? [weather] : [] })
          expect(problemsOf(body)).toEqual([])
          // What is sent is JSON, and the transcript is nobody's to change.
          expect(JSON.parse(JSON.stringify(body))).toEqual(body)
        },
      ),
      { numRuns: 1_000 },
    )
  })
})

/** The API's rules, as far as it tells them (https://platform.claude.com/docs/en/api/messages). */
function problemsOf({
  messages,
  thinking,
  max_tokens,
  tools,
  tool_choice,
  temperature,
  system,
}: MessagesBody): string[] {
  const problems: string[] = []
  const rule = (holds: boolean, problem: string) => void (holds || problems.push(problem))
  const ids = new Set<string>()
  messages.forEach(({ role, content }, index) => {
    rule(role === (index % 2 === 0 ? 'user' : 'assistant'), 'roles alternate, beginning with the user')
    rule(content.length > 0, 'no message is empty')
    rule(!isThinking(content.at(-1)?.type), 'no message ends with thinking')
    const calls = content.filter((block) => block.type === 'tool_use')
    const next = messages[index + 1]?.content ?? []
    rule(
      calls.every(({ id }, at) => {
        const answer = next[at]
        return answer?.type === 'tool_result' && answer.tool_use_id === id
      }),
      'each call is answered at the beginning of the next message',
    )
    const results = content.filter(({ type }) => type === 'tool_result')
    const asking = messages[index - 1]?.content.filter(({ type }) => type === 'tool_use') ?? []
    rule(results.length === asking.length, 'each result has its call')
    rule(
      content.slice(0, results.length).every(({ type }) => type === 'tool_result'),
      'results come first',
    )
    const served = content.filter(({ type }) => type === 'server_tool_use').length
    rule(served === content.filter(({ type }) => type === 'web_search_tool_result').length, 'served calls are whole')
    for (const block of content) {
      if (block.type === 'text') rule(block.text.trim() !== '', 'no text is empty')
      if (isThinking(block.type)) {
        rule(role === 'assistant', 'models think')
        rule(!('cache_control' in block), 'thinking comes back as it was')
      }
      if (block.type === 'thinking') rule(block.signature === 'sig', 'thinking is signed, and by this model')
      if (block.type === 'tool_use') {
        rule(/^[a-zA-Z0-9_-]+$/.test(block.id) && !ids.has(block.id), 'ids are fit and different')
        ids.add(block.id)
        rule(
          typeof block.input === 'object' && !Array.isArray(block.input) && block.input !== null,
          'input is an object',
        )
      }
      if (block.type === 'tool_result' && block.is_error) rule(block.content !== undefined, 'errors say something')
    }
  })
  rule(messages.at(-1)?.role === 'user', 'the last message is the user’s')
  rule(ids.size === 0 || (tools ?? []).length > 0, 'who called has tools')
  rule(tool_choice === undefined || (tools ?? []).length > 0, 'who chooses has tools')
  rule(system?.every(({ text }) => text.trim() !== '') ?? true, 'the system prompt says something')
  const marks = JSON.stringify([system, tools, messages]).match(/"cache_control"/g)?.length ?? 0
  rule(marks <= 4, 'at most four marks')
  const thinks = thinking?.type === 'enabled' || thinking?.type === 'adaptive'
  if (thinking?.type === 'enabled')
    rule(thinking.budget_tokens >= 1024 && thinking.budget_tokens < max_tokens, 'budget')
  rule(!thinks || temperature === undefined, 'no temperature with thinking')
  if (thinking?.type === 'enabled') {
    rule(tool_choice === undefined || tool_choice.type === 'auto' || tool_choice.type === 'none', 'no forced thinker')
    const results = messages.at(-1)?.content[0]?.type === 'tool_result'
    const start = messages.findLastIndex(({ role, content }) => role === 'user' && content[0]?.type !== 'tool_result')
    rule(!results || isThinking(messages[start + 1]?.content[0]?.type), 'an answer with a budget begins with thinking')
  }
  return problems
}

const isThinking = (type: string | undefined) => type === 'thinking' || type === 'redacted_thinking'

describe('the messages', () => {
  it('hold the system prompt apart, neighbours as one, and results before words', () => {
    const body = bodyOf([
      { role: 'system', text: 'Be brief.' },
      asked('Hello'),
      asked('again'),
      answered(said('Hm.'), called('toolu_1', 'weather', '{"city":"Oslo"}')),
      asked('quick!'),
      result('toolu_1', 'no such city', true),
    ])
    expect(body.system).toEqual([{ type: 'text', text: 'Be brief.', cache_control: ephemeral }])
    expect(body.messages).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Hello' },
          { type: 'text', text: 'again' },
        ],
      },
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'Hm.' },
          { type: 'tool_use', id: 'toolu_1', name: 'weather', input: { city: 'Oslo' }, cache_control: ephemeral },
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'toolu_1', content: 'no such city', is_error: true },
          { type: 'text', text: 'quick!' },
        ],
      },
    ])
  })

  it('are answerable also where a model spoke last, or first, or nobody at all', () => {
    const go = { role: 'user', content: [{ type: 'text', text: 'Continue.', cache_control: ephemeral }] }
    expect(bodyOf([]).messages).toMatchObject([{ role: 'user', content: [{ text: 'Continue.' }] }])
    expect(bodyOf([asked('Hi'), answered(said('Hello'))]).messages.at(-1)).toEqual(go)
    expect(bodyOf([answered(said('Hello')), asked('Hi')]).messages.map(({ role }) => role)).toEqual([
      'user',
      'assistant',
      'user',
    ])
  })

  it('give unfit ids fit ones that are still different, and unfit names fit ones', () => {
    const { messages } = bodyOf([
      asked('Go'),
      answered(called('a b', 'x.y'), called('a_b'), called('a/b', '')),
      result('a b', 'one'),
      result('a_b', 'two'),
      result('a/b', ''),
    ])
    expect(messages[1]?.content).toMatchObject([
      { id: 'a_b_2', name: 'x_y' },
      { id: 'a_b' },
      { id: 'a_b_3', name: 'unnamed' },
    ])
    expect(messages[2]?.content).toMatchObject([
      { tool_use_id: 'a_b_2', content: 'one' },
      { tool_use_id: 'a_b', content: 'two' },
      { tool_use_id: 'a_b_3' },
    ])
  })

  it('hold images and documents in the API’s shapes, and refuse other files before anything is sent', () => {
    const file = (mediaType: string, filename: string) => ({ mediaType, filename, data: Buffer.from('data') })
    const user = {
      ...asked('Look'),
      files: [file('image/png', 'a.png'), file('application/pdf', 'b.pdf'), file('text/csv; charset=utf-8', 'c.csv')],
    }
    expect(bodyOf([user]).messages[0]?.content).toEqual([
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'ZGF0YQ==' } },
      { type: 'document', title: 'b.pdf', source: { type: 'base64', media_type: 'application/pdf', data: 'ZGF0YQ==' } },
      { type: 'text', text: 'c.csv:\ndata' },
      { type: 'text', text: 'Look' },
    ])
    expect(() => bodyOf([{ ...user, files: [file('audio/mpeg', 'd.mp3')] }])).toThrow(
      'This model cannot be given files of type audio/mpeg.',
    )
  })

  it('mark the stable prefix for the cache: the system prompt, the tools, the past, and the steps so far', () => {
    const history = [
      asked('One'),
      answered(said('Two')),
      asked('Weather?'),
      answered(called('toolu_1')),
      result('toolu_1'),
    ]
    const body = bodyOf([{ role: 'system', text: 'S' }, ...history], { tools: [weather] })
    expect(body.tools).toEqual([
      { name: 'weather', description: 'Tells it.', input_schema: { type: 'object' }, cache_control: ephemeral },
    ])
    const marked = body.messages.map(({ content }) => content.map((block) => 'cache_control' in block))
    expect(marked).toEqual([[false], [true], [false], [false], [true]])
  })
})

describe('the tools', () => {
  it('stand in for those that were called where none is offered, and are not to be used', () => {
    const body = bodyOf(
      [asked('Go'), answered(called('toolu_1')), result('toolu_1')],
      withOptions({ toolChoice: 'weather' }),
    )
    expect(body.tools).toEqual([{ name: 'weather', input_schema: { type: 'object' } }])
    expect(body.tool_choice).toEqual({ type: 'none' })
  })

  it.each([
    ['auto', { type: 'auto' }],
    ['none', { type: 'none' }],
    ['required', { type: 'any' }],
    ['weather', { type: 'tool', name: 'weather' }],
    [null, undefined],
  ])('are chosen as asked: %s', (toolChoice, expected) => {
    expect(bodyOf('Hi', { tools: [weather], ...withOptions({ toolChoice }) }).tool_choice).toEqual(expected)
  })

  it('are chosen only where there are some', () => {
    expect(bodyOf('Hi', withOptions({ toolChoice: 'required' }))).not.toHaveProperty('tool_choice')
  })
})

describe('thinking', () => {
  it.each([
    ['claude-3-5-haiku-latest', 8_192],
    ['claude-3-opus-20240229', 4_096],
    ['claude-3-7-sonnet-latest', 64_000],
    ['claude-opus-4-20250514', 32_000],
    ['claude-opus-4-1-20250805', 32_000],
    ['claude-sonnet-4-20250514', 64_000],
    ['claude-haiku-4-5', 64_000],
    ['claude-opus-4-6', 128_000],
    ['anthropic.claude-opus-4-8-v1:0', 128_000],
    ['claude-fable-5', 128_000],
    ['somebody-elses', 8_192],
  ])('%s gives up to %i tokens', (model, max) => {
    expect(bodyOf('Hi', { model }).max_tokens).toBe(max)
  })

  const thinkingOf = (model: string, options: Partial<GenerationOptions>) => {
    const { thinking, output_config } = bodyOf('Hi', { model, tools: [weather], ...withOptions(options) })
    return [thinking, output_config?.effort]
  }

  it('takes a budget below the limit on older models, an effort on newer ones', () => {
    expect(thinkingOf(budgeted, { reasoningEffort: 'medium' })).toEqual([
      { type: 'enabled', budget_tokens: 12_288 },
      undefined,
    ])
    expect(thinkingOf(budgeted, { reasoningEffort: 'high', maxOutputTokens: 2_000 })).toEqual([
      { type: 'enabled', budget_tokens: 1_600 },
      undefined,
    ])
    expect(thinkingOf('claude-sonnet-4-6', { reasoningEffort: 'max' })).toEqual([{ type: 'adaptive' }, 'max'])
    expect(thinkingOf('claude-opus-4-7', { reasoningEffort: 'xhigh' })).toEqual([
      { type: 'adaptive', display: 'summarized' },
      'xhigh',
    ])
  })

  it('is left to the model where nothing is asked, and shown where the model thinks by itself', () => {
    for (const model of [budgeted, 'claude-sonnet-4-6', 'claude-opus-4-8', 'somebody-elses'])
      expect(thinkingOf(model, {})).toEqual([undefined, undefined])
    expect(thinkingOf('claude-opus-5-5', {})).toEqual([{ type: 'adaptive', display: 'summarized' }, undefined])
  })

  it('is turned off in the model’s own way, and where a tool is forced', () => {
    expect(thinkingOf('claude-opus-4-8', { reasoningEffort: 'none' })).toEqual([undefined, undefined])
    expect(thinkingOf('claude-opus-5', { reasoningEffort: 'none' })).toEqual([{ type: 'disabled' }, undefined])
    expect(thinkingOf('claude-sonnet-5-5', { reasoningEffort: 'none' })).toEqual([{ type: 'between_tools' }, undefined])
    expect(thinkingOf('claude-opus-5', { toolChoice: 'required' })).toEqual([{ type: 'disabled' }, undefined])
  })

  it('has no budget in the middle of an answer that began without it', () => {
    const options = withOptions({ reasoningEffort: 'low' })
    const bare = bodyOf([asked('Go'), answered(called('toolu_1')), result('toolu_1')], options)
    expect(bare).not.toHaveProperty('thinking')
    const thought = bodyOf([asked('Go'), answered(signed('Hm.', 's'), called('toolu_1')), result('toolu_1')], options)
    expect(thought.thinking).toMatchObject({ type: 'enabled' })
    const over = bodyOf(
      [asked('Go'), answered(called('toolu_1')), result('toolu_1'), answered(said('Rain')), asked('Now')],
      options,
    )
    expect(over.thinking).toMatchObject({ type: 'enabled' })
  })

  it('comes back to the model that signed it alone, and never at a message’s end', () => {
    const history = [asked('Go'), answered(signed('Hm.', 's'), said('Rain'), signed('So', 't')), asked('Why?')]
    expect(bodyOf(history).messages[1]?.content).toEqual([
      { type: 'thinking', thinking: 'Hm.', signature: 's' },
      { type: 'text', text: 'Rain', cache_control: ephemeral },
    ])
    const other = bodyOf(history, { model: 'claude-opus-4-5' }).messages[1]?.content
    expect(other).toMatchObject([{ type: 'text', text: 'Rain' }])
  })

  it('may be dropped by models that bind it to what stood before', () => {
    const model = 'claude-opus-5-5'
    const { thinking } = bodyOf([asked('Go'), answered(signed('Hm.', 's', model), said('Rain')), asked('Why?')], {
      model,
    })
    expect(thinking).toMatchObject({ block_binding: { prefix_mismatch_behavior: 'drop_block' } })
  })
})

describe('what a model cannot do', () => {
  it.each<[string, Partial<GenerationOptions>, object]>([
    [budgeted, { temperature: 1.5 }, { temperature: 'must be between 0 and 1.' }],
    [budgeted, { temperature: 0.5, reasoningEffort: 'none' }, {}],
    [
      budgeted,
      { temperature: 0.5, reasoningEffort: 'low' },
      { temperature: 'cannot be chosen together with reasoningEffort.' },
    ],
    [budgeted, { temperature: 1, reasoningEffort: 'low' }, {}],
    ['claude-opus-4-7', { temperature: 0 }, { temperature: 'cannot be chosen for this model.' }],
    [
      'claude-3-5-haiku-latest',
      { reasoningEffort: 'low' },
      { reasoningEffort: 'cannot be chosen for this model, which does not reason.' },
    ],
    [
      'claude-sonnet-4-6',
      { reasoningEffort: 'xhigh' },
      { reasoningEffort: 'must be one of none, low, medium, high, max for this model.' },
    ],
    [
      'claude-fable-5',
      { reasoningEffort: 'none' },
      { reasoningEffort: 'must be one of low, medium, high, xhigh, max for this model.' },
    ],
    [
      budgeted,
      { reasoningEffort: 'low', maxOutputTokens: 1024 },
      { maxOutputTokens: 'must be above 1024 together with reasoningEffort.' },
    ],
    [
      budgeted,
      { toolChoice: 'weather', reasoningEffort: 'low' },
      { toolChoice: 'must be auto or none together with reasoningEffort.' },
    ],
    [
      'claude-opus-5-5',
      { toolChoice: 'required' },
      { toolChoice: 'must be auto or none for this model, which always decides by itself.' },
    ],
    [budgeted, { toolChoice: 'weather', maxOutputTokens: 10 }, {}],
  ])('%s with %j', (model, options, problems) => {
    expect(checkOptions(model, { ...noOptions, ...options })).toEqual(problems)
  })

  it('sends a temperature to those alone that take it', () => {
    expect(bodyOf('Hi', withOptions({ temperature: 0 })).temperature).toBe(0)
    expect(bodyOf('Hi', { model: 'claude-opus-4-7', ...withOptions({ temperature: 1 }) })).not.toHaveProperty(
      'temperature',
    )
  })
})
