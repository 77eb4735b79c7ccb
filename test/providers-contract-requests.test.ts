import { describe, expect, it } from 'vitest'
import type { InputFile } from '../src/chat/transcript.ts'
import { kinds } from '../src/providers/kinds.ts'
import type { GenerationOptions } from '../src/providers/provider.ts'
import { asked, tools } from './support/asked.ts'
import { collect, noOptions, noSignal, providerOf, requestOf } from './support/provider-fixture.ts'
import { startScriptedModel } from './support/scripted-model.ts'
import { wires } from './support/wire/wires.ts'

// What every kind of provider asks of its model, each in its own API, and that the API would take it.

const present = Object.values(wires).filter(({ kind }) => kind in kinds)

describe.each(present.map((wire) => [wire.kind, wire] as const))('a request of kind %s', (kind, wire) => {
  it('holds the model, the instructions and the turns', async () => {
    const request = await asked(
      wire,
      [
        { role: 'system', text: 'Be brief.' },
        { role: 'user', text: 'Weather?' },
        { role: 'assistant', providerId: null, parts: [{ type: 'text', text: 'Where?', providerData: null }] },
        { role: 'user', text: 'In Oslo.' },
      ],
      { model: 'some-model' },
    )
    expect(request).toMatchObject({
      model: 'some-model',
      instructions: 'Be brief.',
      turns: [
        { role: 'user', text: 'Weather?' },
        { role: 'assistant', text: 'Where?' },
        { role: 'user', text: 'In Oslo.' },
      ],
      tools: [],
      toolChoice: null,
      images: [],
      problems: [],
    })
  })

  it('holds the tools, with descriptions and schemas as they are', async () => {
    const request = await asked(wire, 'Hello', { tools })
    expect(request.tools.map(({ name, inputSchema }) => [name, inputSchema])).toEqual(
      tools.map(({ name, inputSchema }) => [name, inputSchema]),
    )
    expect(request.tools[0]?.description).toBe('The weather of a city.')
    // Some APIs insist on a description.
    expect(request.tools[1]?.description ?? 'time').toBe('time')
    expect(request.problems).toEqual([])
  })

  it.each(['auto', 'none', 'required', 'time'])(
    'holds the tool choice %s where the kind can do it',
    async (toolChoice) => {
      const options = { ...noOptions, toolChoice }
      const { toolChoice: problem } = providerOf({ kind, baseUrl: 'http://localhost/' }).checkOptions('m', options)
      if (problem !== undefined) return expect(problem).toMatch(/^\w.*\.$/)
      const request = await asked(wire, 'Hello', { tools, options })
      // Where an API has no word for it, no tools do as well.
      if (request.toolChoice === null)
        expect([toolChoice, request.tools]).toEqual(toolChoice === 'none' ? ['none', []] : ['auto', expect.anything()])
      else expect(request.toolChoice).toBe(toolChoice)
    },
  )

  it('holds no tool choice without tools', async () => {
    const request = await asked(wire, 'Hello', { options: { ...noOptions, toolChoice: 'auto' } })
    expect([request.toolChoice, request.tools]).toEqual([null, []])
  })

  it.each<Partial<GenerationOptions>>([
    { temperature: 0 },
    { temperature: 0.5 },
    { temperature: 1 },
    { maxOutputTokens: 50 },
    { temperature: 0.25, maxOutputTokens: 4_096 },
  ])('holds the options %o, or says that the model has none such', async (chosen) => {
    const options = { ...noOptions, ...chosen }
    const problems = providerOf({ kind, baseUrl: 'http://localhost/' }).checkOptions('scripted-model', options)
    for (const problem of Object.values(problems)) expect(problem).toMatch(/^\w.*\.$/)
    if (Object.keys(problems).length > 0) return
    expect(await asked(wire, 'Hello', { options })).toMatchObject(chosen)
  })

  it('shows images, and the text after them', async () => {
    const data = Buffer.from('iVBORw0KGgo=', 'base64')
    const files = [{ mediaType: 'image/png', filename: 'dot.png', data }]
    const request = await asked(wire, [{ role: 'user', text: 'What is this?', files }])
    expect(request.images).toEqual([{ mediaType: 'image/png', data: 'iVBORw0KGgo=' }])
    expect(request.turns).toEqual([{ role: 'user', text: 'What is this?' }])
    expect(request.problems).toEqual([])
  })

  it('shows a file of text with its name', async () => {
    const files = [{ mediaType: 'text/markdown', filename: 'notes.md', data: Buffer.from('# Köln') }]
    const request = await asked(wire, [{ role: 'user', text: 'Sum up.', files }])
    expect(request.body).toSatisfy((body: unknown) => /notes\.md/.test(JSON.stringify(body)))
    expect(JSON.stringify(request.body)).toContain('# Köln')
    expect(request.problems).toEqual([])
  })

  it('is not sent with a file that no model can be given', async () => {
    await using model = await startScriptedModel({ wire })
    const file: InputFile = { mediaType: 'application/zip', filename: 'a.zip', data: Buffer.from('PK') }
    const provider = providerOf({ kind, baseUrl: model.baseUrl })
    const { error } = await collect(provider, requestOf([{ role: 'user', text: 'Hello', files: [file] }]))
    expect(error).toMatchObject({
      code: 'PROVIDER_ERROR',
      retryable: false,
      message: 'This model cannot be given files of type application/zip.',
    })
    expect(model.requests).toEqual([])
  })
})

describe.each(present.map((wire) => [wire.kind, wire] as const))('beside answers, kind %s', (kind, wire) => {
  it('lists every model, over as many pages as there are', async () => {
    await using model = await startScriptedModel({ wire })
    model.models = ['gpt-one', 'gpt-two', 'gpt-three', 'gpt-four', 'gpt-five']
    const models = await providerOf({ kind, baseUrl: model.baseUrl }).listModels(noSignal())
    expect(models.map(({ name }) => name).toSorted()).toEqual(model.models.toSorted())
    for (const { contextWindow } of models) expect(contextWindow === null || contextWindow > 1_000).toBe(true)
  })

  const { embedding } = providerOf({ kind, baseUrl: 'http://localhost/' })
  it.runIf(embedding !== null)('embeds texts in their order, also more than one request takes', async () => {
    await using model = await startScriptedModel({ wire })
    const { embedding } = providerOf({ kind, baseUrl: model.baseUrl })
    const input = Array.from({ length: 2_100 }, (_, index) => 'x'.repeat((index % 300) + 1))
    const result = await embedding?.embed({ model: embedding.defaultModel, input }, noSignal())
    expect(result?.vectors.map(([length]) => length)).toEqual(input.map(({ length }) => length))
    expect(new Set(result?.vectors.map(({ length }) => length))).toEqual(new Set([4]))
    if (result?.usage) expect(result.usage).toMatchObject({ inputTokens: 2_100, outputTokens: 0, estimated: false })
  })
})
