import type { Content } from '@google/genai'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AssistantPart, Transcript } from '../src/chat/transcript.ts'
import { checkOptions } from '../src/providers/gemini-model.ts'
import { toGeminiRequest } from '../src/providers/gemini-request.ts'
import type { GenerationOptions, ModelRequest } from '../src/providers/provider.ts'
import { noOptions, requestOf } from './support/provider-fixture.ts'
import { transcripts } from './support/transcripts.ts'

const bypass = 'skip_thought_signature_validator'

const bodyOf = (transcript: Transcript, request: Partial<ModelRequest> = {}) =>
  toGeminiRequest(requestOf(transcript, { model: 'gemini-3-flash', ...request }), 'gemini')

const configOf = (model: string, options: Partial<GenerationOptions> = {}) =>
  bodyOf([{ role: 'user', text: 'Hello' }], { model, options: { ...noOptions, ...options } }).generationConfig

const assistant = (parts: readonly AssistantPart[], providerId = 'gemini') =>
  ({ role: 'assistant', providerId, parts }) as const
const call = (id: string, providerData: AssistantPart['providerData'] = null): AssistantPart => ({
  type: 'tool-call',
  id,
  name: 'weather',
  arguments: '{"city":"Oslo"}',
  providerData,
})
const result = (toolCallId: string, isError = false) => ({ role: 'tool', toolCallId, text: 'rain', isError }) as const

describe('the conversation', () => {
  it('returns every part as it came: signatures on their own parts, ids where the API gave them', () => {
    const { contents, systemInstruction } = bodyOf([
      { role: 'system', text: 'Be brief.' },
      { role: 'user', text: 'Weather?' },
      assistant([
        { type: 'reasoning', text: 'A summary', providerData: null },
        { type: 'reasoning', text: 'Signed', providerData: { kind: 'gemini', thoughtSignature: 'a' } },
        { type: 'text', text: 'Let me see.', providerData: { kind: 'gemini' } },
        { type: 'text', text: '', providerData: { kind: 'gemini', thoughtSignature: 'b' } },
        call('fc_1', { kind: 'gemini', thoughtSignature: 'c', id: 'fc_1' }),
        call('call_2'),
      ]),
      result('fc_1'),
      result('call_2', true),
      { role: 'user', text: 'Well?' },
    ])
    const args = { city: 'Oslo' }
    expect(systemInstruction).toEqual({ parts: [{ text: 'Be brief.' }] })
    expect(contents).toEqual([
      { role: 'user', parts: [{ text: 'Weather?' }] },
      {
        role: 'model',
        parts: [
          { text: 'Signed', thought: true, thoughtSignature: 'a' },
          { text: 'Let me see.' },
          { text: '', thoughtSignature: 'b' },
          { functionCall: { id: 'fc_1', name: 'weather', args }, thoughtSignature: 'c' },
          { functionCall: { name: 'weather', args } },
        ],
      },
      {
        role: 'user',
        parts: [
          { functionResponse: { id: 'fc_1', name: 'weather', response: { output: 'rain' } } },
          { functionResponse: { name: 'weather', response: { error: 'rain' } } },
          { text: 'Well?' },
        ],
      },
    ])
  })

  it('says of the first call of each step that it has no signature, to models that insist on one alone', () => {
    const transcript: Transcript = [
      { role: 'user', text: 'Weather?' },
      assistant([call('toolu_1', { kind: 'anthropic', signature: 's' }), call('toolu_2')], 'anthropic'),
      result('toolu_1'),
      result('toolu_2'),
      assistant([call('call_3', { kind: 'gemini', thoughtSignature: 'a' }), call('call_4')]),
    ]
    const signaturesFor = (model: string) =>
      bodyOf(transcript, { model }).contents.flatMap(({ parts = [] }) =>
        parts.flatMap((part) => (part.functionCall ? [part.thoughtSignature] : [])),
      )
    expect(signaturesFor('gemini-3-pro-preview')).toEqual([bypass, undefined, 'a', undefined])
    expect(signaturesFor('gemini-3.5-flash')).toEqual([bypass, undefined, 'a', undefined])
    expect(signaturesFor('gemini-2.5-flash')).toEqual([undefined, undefined, 'a', undefined])
  })

  it('gives pictures and PDFs as data, and text as text, before what was said', () => {
    const data = Buffer.from('A note.')
    const { contents } = bodyOf([
      {
        role: 'user',
        text: 'See.',
        files: [
          { mediaType: 'image/png', filename: 'a.png', data },
          { mediaType: 'application/pdf', filename: 'a.pdf', data },
          { mediaType: 'text/plain; charset=utf-8', filename: 'a.txt', data },
        ],
      },
    ])
    expect(contents[0]?.parts).toEqual([
      { inlineData: { mimeType: 'image/png', data: data.toString('base64') } },
      { inlineData: { mimeType: 'application/pdf', data: data.toString('base64') } },
      { text: expect.stringMatching(/a\.txt[\s\S]*A note\./) },
      { text: 'See.' },
    ])
  })

  it('tells models without instructions in the conversation', () => {
    const transcript: Transcript = [
      { role: 'system', text: 'Be brief.' },
      { role: 'user', text: 'Hello' },
    ]
    expect(bodyOf(transcript, { model: 'gemma-3-27b-it' })).toEqual({
      contents: [{ role: 'user', parts: [{ text: 'Be brief.' }, { text: 'Hello' }] }],
    })
  })
})

describe('any transcript', () => {
  const own = [
    { kind: 'gemini', thoughtSignature: 's1' },
    { kind: 'gemini', thoughtSignature: 's2', id: 'fc_1' },
    { kind: 'gemini', thoughtSignature: 7, id: '' },
  ]

  it.each(['gemini-3-pro-preview', 'gemini-2.5-pro'])('becomes a request that %s takes', (model) => {
    fc.assert(
      fc.property(transcripts({ providerId: 'gemini', ownData: own }), (transcript) => {
        const body = bodyOf(transcript, { model })
        expect(problemsOf(body.contents, model)).toEqual([])
        expect(body.systemInstruction?.parts?.[0]?.text).not.toBe('')
        expect(JSON.stringify(body)).not.toContain('unheard-of')
      }),
      { numRuns: 1_000 },
    )
  })
})

/** The API's rules, as it states them in its refusals. */
function problemsOf(contents: readonly Content[], model: string): string[] {
  const problems: string[] = []
  if (contents.length === 0 || contents[0]?.role !== 'user') problems.push('does not begin with the user')
  if (contents.at(-1)?.role !== 'user') problems.push('does not end with the user')
  contents.forEach(({ role, parts = [] }, index) => {
    if (role === contents[index - 1]?.role) problems.push('roles do not alternate')
    if (parts.length === 0) problems.push('empty content')
    if (parts.some((part) => part.text === '' && !part.thoughtSignature)) problems.push('empty part')
    const calls = parts.flatMap(({ functionCall }) => functionCall ?? [])
    if (calls.length > 0 && role !== 'model') problems.push('a call of the user')
    if (calls.some(({ name = '' }) => !/^[A-Za-z_][\w.:-]{0,127}$/.test(name))) problems.push('a call’s name')
    if (calls.some(({ args }) => typeof args !== 'object' || Array.isArray(args))) problems.push('arguments no object')
    const next = (contents[index + 1]?.parts ?? []).slice(0, calls.length)
    const answers = next.map(({ functionResponse }) => ({ name: functionResponse?.name, id: functionResponse?.id }))
    if (JSON.stringify(answers) !== JSON.stringify(calls.map(({ name, id }) => ({ name, id }))))
      problems.push('responses do not answer the calls')
    const responses = parts.filter(({ functionResponse }) => functionResponse).length
    const asked = (contents[index - 1]?.parts ?? []).filter(({ functionCall }) => functionCall).length
    if (responses !== asked) problems.push('as many responses as calls')
    const first = parts.find(({ functionCall }) => functionCall)
    if (first && model.startsWith('gemini-3') && !first.thoughtSignature) problems.push('missing a thought_signature')
    if (!model.startsWith('gemini-3') && JSON.stringify(parts).includes(bypass)) problems.push('a bypass')
  })
  return problems
}

describe('the options', () => {
  const tools = [{ name: 'weather', description: null, inputSchema: { type: 'object', properties: {} } }]
  const choiceOf = (toolChoice: string | null) =>
    bodyOf([{ role: 'user', text: 'Hello' }], { tools, options: { ...noOptions, toolChoice } })

  it('declare tools with their schema as it is, and map each choice', () => {
    expect(choiceOf(null)).toMatchObject({
      tools: [
        {
          functionDeclarations: [
            { name: 'weather', description: 'weather', parametersJsonSchema: { type: 'object', properties: {} } },
          ],
        },
      ],
    })
    expect(choiceOf(null)).not.toHaveProperty('toolConfig')
    const configs = ['auto', 'none', 'required', 'weather'].map((choice) => choiceOf(choice).toolConfig)
    expect(configs.map((config) => config?.functionCallingConfig)).toEqual([
      { mode: 'AUTO' },
      { mode: 'NONE' },
      { mode: 'ANY' },
      { mode: 'ANY', allowedFunctionNames: ['weather'] },
    ])
    const alone = bodyOf([{ role: 'user', text: 'Hello' }], { options: { ...noOptions, toolChoice: 'required' } })
    expect(Object.keys(alone)).toEqual(['contents', 'generationConfig'])
  })

  it('ask each generation for its thoughts in its own way, and models that have none for nothing', () => {
    expect(configOf('gemini-3-pro-preview', { temperature: 0, maxOutputTokens: 50, reasoningEffort: 'low' })).toEqual({
      temperature: 0,
      maxOutputTokens: 50,
      thinkingConfig: { includeThoughts: true, thinkingLevel: 'low' },
    })
    expect(configOf('gemini-3-flash')).toEqual({ thinkingConfig: { includeThoughts: true } })
    expect(configOf('gemini-2.5-flash', { reasoningEffort: 'none' })).toEqual({ thinkingConfig: { thinkingBudget: 0 } })
    expect(configOf('models/gemini-2.5-pro', { reasoningEffort: 'medium' })).toEqual({
      thinkingConfig: { includeThoughts: true, thinkingBudget: 8_192 },
    })
    for (const model of ['gemini-2.0-flash', 'gemma-3-27b-it', 'gemini-2.5-flash-image', 'a-name-of-its-own'])
      expect(configOf(model)).toBeUndefined()
  })

  it('say what a model cannot do', () => {
    const problem = (model: string, options: Partial<GenerationOptions>) =>
      checkOptions(model, { ...noOptions, ...options })
    expect(problem('gemini-3-flash', { temperature: 2, reasoningEffort: 'minimal' })).toEqual({})
    expect(problem('gemini-3-flash', { temperature: 2.1 })).toEqual({ temperature: 'must be between 0 and 2.' })
    expect(problem('gemini-3-pro-preview', { reasoningEffort: 'medium' })).toEqual({
      reasoningEffort: 'must be one of low, high for this model.',
    })
    expect(problem('gemini-2.5-pro', { reasoningEffort: 'none' })).toHaveProperty('reasoningEffort')
    expect(problem('gemini-2.5-flash', { reasoningEffort: 'none' })).toEqual({})
    expect(problem('gemini-2.0-flash', { reasoningEffort: 'low' })).toEqual({
      reasoningEffort: 'cannot be chosen for this model, which does not reason.',
    })
  })
})
